"""Two arms on the same reference: how much nearer one is, how certain that is, and what could have been found.

What a reference source adds to both distances cancels, so a difference is far surer than either distance. Arms are
paired by seed: with several seeds what varies is the training and the sampling, with one seed the sampling alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.mean_interval import student_interval, student_quantile

INFLUENCE = "influence"  # under this name the entry of a score holds what a paired comparison needs


@dataclass(frozen=True)
class Distance:
    """A distance from the reference with its influences, as the entry of a score holds them.

    `candidate_variance` is the jackknife's variance over candidates, `reference` the influence of each source of the
    reference, `repeated` the variance that both count more than once, and `least` what is left in any case.
    """

    value: float
    candidate_variance: float
    reference: Mapping[str, float]
    repeated: float = 0.0
    least: float = 0.0


@dataclass(frozen=True)
class Difference:
    """How much larger a distance is than another's, with its standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Student's t."""
        low, high = student_interval(self.value, (self.error, self.freedom), confidence)
        assert low is not None and high is not None
        return low, high

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""
        return min(1.0, 2 * self._tail(abs(self.value))) if self.error else float(self.value == 0)

    def equivalence(self, margin: float) -> float:
        """The p-value of two one-sided tests: small where the true difference lies within `margin` above and below 0.

        Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power approach".
        """
        return self._tail(margin - abs(self.value)) if self.error else float(abs(self.value) >= margin)

    def detectable(self, power: float, confidence: float) -> float:
        """The smallest true difference that a test at 1 - `confidence` would have found with probability `power`."""
        found, beyond = student_quantile(self.freedom, confidence), student_quantile(self.freedom, 2 * power - 1)
        return (found + beyond) * self.error

    def _tail(self, distance: float) -> float:
        from scipy.special import stdtr  # half a second to import

        return float(stdtr(self.freedom, -distance / self.error))


def averaged(distances: Sequence[Distance]) -> Distance:
    """The mean of distances of independent candidates from one reference, with the sources that all of them have."""
    count, sources = len(distances), set.intersection(*(set(one.reference) for one in distances))
    return Distance(
        sum(one.value for one in distances) / count,
        sum(one.candidate_variance for one in distances) / count**2,
        {source: sum(one.reference[source] for one in distances) / count for source in sources},
        sum(one.repeated for one in distances) / count**2,
        sum(one.least for one in distances) / count**2,
    )


def paired_difference(arm: Sequence[Distance], baseline: Sequence[Distance]) -> Difference:
    """The mean difference of two arms over their seeds, one distance a seed in the same order.

    With S seeds the variance is s^2 / S, of the differences d_s between seeds, plus what drawing other sources of the
    reference does to all seeds alike: with m_sj the influence of source j on d_s and M_j its mean over seeds,

        J / (J - 1) * (sum_j M_j^2 - sum_j var_s(m_sj) / S).

    What a source does to one seed alone is in s^2 already, so it is taken out here: the variance of a mean over two
    crossed factors, V_seeds + V_sources - V_both (Cameron, Gelbach and Miller 2011, "Robust inference with multiway
    clustering"). With one seed the first part is the jackknife's variance over both arms' candidates, and what that and
    the influences of the sources count more than once is taken out. What is left is an estimate without bias, and hence
    sometimes far too small, so it counts as at least `least`. Degrees of freedom by Satterthwaite (1946).

    With few seeds, s^2 is sometimes far too small by chance. Its expectation is at least the variance over candidates,
    which is well known, so it counts as at least that: `test_two_seeds_reject_equal_arms_no_more_often_than_asked`.

    Raises:
        ValueError: the distances have fewer than 2 sources of the reference in common.
    """
    sources = sorted(set.intersection(*(set(one.reference) for one in (*arm, *baseline))))
    if len(sources) < 2:
        raise ValueError("two distances need at least 2 sources of the reference in common")
    each = np.array([one.value - other.value for one, other in zip(arm, baseline, strict=True)])
    moved = np.array([[a.reference[s] - b.reference[s] for s in sources] for a, b in zip(arm, baseline, strict=True)])
    factor, value = len(sources) / (len(sources) - 1), float(each.mean())
    shared = factor * float(np.square(moved.mean(axis=0)).sum())
    if len(each) > 1:
        drawn = [one.candidate_variance + other.candidate_variance for one, other in zip(arm, baseline, strict=True)]
        twice = [one.repeated + other.repeated for one, other in zip(arm, baseline, strict=True)]
        least = [one.least + other.least for one, other in zip(arm, baseline, strict=True)]
        sampled = max(float(np.mean(drawn)) - float(np.mean(twice)), float(np.mean(least)))
        own, freedom = max(float(each.var(ddof=1)), sampled) / len(each), len(each) - 1.0
        shared = max(shared - factor * float(moved.var(axis=0, ddof=1).sum()) / len(each), 0.0)
        variance = own + shared
    else:
        own, freedom = arm[0].candidate_variance + baseline[0].candidate_variance, math.inf
        once = own + shared - arm[0].repeated - baseline[0].repeated
        variance = max(once, arm[0].least + baseline[0].least)
    if variance == 0:
        return Difference(value, 0.0, len(sources) - 1.0)
    uncertainty = own**2 / freedom + shared**2 / (len(sources) - 1)
    return Difference(value, math.sqrt(variance), (own + shared) ** 2 / uncertainty if uncertainty else math.inf)
