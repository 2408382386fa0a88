"""Two arms on the same reference: how much nearer one is, how certain that is, and what could have been found.

What a reference source adds to both distances cancels, so a difference is far surer than either distance. Arms are
paired by seed: with several seeds what varies is the training and the sampling, with one seed the sampling alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.mean_interval import student_quantile

SMALLEST_TAIL = 1e-12  # of a distribution: with less, quantiles are rounding errors
SMALLEST_PART = 0.1  # of the jackknife's variance over candidates; from 0.05 to 0.25 tests say the same
INFLUENCE = "influence"  # under this name the entry of a score holds what a paired comparison needs


@dataclass(frozen=True)
class Distance:
    """A distance from the reference with its influences, as the entry of a score holds them.

    `candidate_variance` is the jackknife's variance over candidates and `reference` the influence of each source of the
    reference. Both count pairs more than once: `candidate_pairs` and `mixed_pairs` are the variance from pairs of
    candidates, and of a candidate and a source. `least` is the smallest share of the variance of equal arms that a
    comparison assumes, chosen for each metric by how often equal arms are found different (reports/checks/coverage.md).
    """

    value: float
    candidate_variance: float
    reference: Mapping[str, float]
    candidate_pairs: float = 0.0
    mixed_pairs: float = 0.0
    least: float = 0.0


@dataclass(frozen=True)
class Difference:
    """How much larger a distance is than another's, and the independent parts of its variance.

    Each part is a variance with its degrees of freedom. The quantiles of Student's t are averaged over the parts in
    proportion to their variances: Cochran and Cox (1957), "Experimental designs", 4.14. The degrees of freedom of
    Satterthwaite (1946) are far too many where the part of two seeds is small by chance: at 1 % such tests find equal
    arms different in up to 6 %.
    """

    value: float
    parts: tuple[tuple[float, float], ...]

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(sum(variance for variance, _ in self.parts))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Both sides alike."""
        margin = self._quantile(confidence) * self.error
        return self.value - margin, self.value + margin

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""
        return 2 * self._tail(abs(self.value)) if self.error else float(self.value == 0)

    def equivalence(self, margin: float) -> float:
        """The p-value of two one-sided tests: small where the true difference lies within `margin` above and below 0.

        Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power approach".
        """
        return self._tail(margin - abs(self.value)) if self.error else float(abs(self.value) >= margin)

    def detectable(self, power: float, confidence: float) -> float:
        """The smallest true difference that a test at 1 - `confidence` would have found with probability `power`."""
        return (self._quantile(confidence) + self._quantile(2 * power - 1)) * self.error

    def _quantile(self, confidence: float) -> float:
        """Half of an interval's width in standard errors."""
        weighted = sum(variance * student_quantile(freedom, confidence) for variance, freedom in self.parts)
        total = sum(variance for variance, _ in self.parts)
        return weighted / total if total else 0.0

    def _tail(self, distance: float) -> float:
        """The probability beyond `distance` on one side: where the averaged quantile is that many errors."""
        from scipy.optimize import brentq  # half a second to import

        wanted = abs(distance) / self.error
        beyond = SMALLEST_TAIL
        if self._quantile(1 - 2 * SMALLEST_TAIL) > wanted:
            ends = math.log(SMALLEST_TAIL), math.log(0.6)  # beyond a half, so that the signs differ
            beyond = math.exp(brentq(lambda tail: self._quantile(1 - 2 * math.exp(tail)) - wanted, *ends))
        return beyond if distance >= 0 else 1 - beyond


def averaged(distances: Sequence[Distance]) -> Distance:
    """The mean of distances of independent candidates from one reference, with the sources that all of them have."""
    count, sources = len(distances), set.intersection(*(set(one.reference) for one in distances))
    return Distance(
        sum(one.value for one in distances) / count,
        sum(one.candidate_variance for one in distances) / count**2,
        {source: sum(one.reference[source] for one in distances) / count for source in sources},
        sum(one.candidate_pairs for one in distances) / count**2,
        sum(one.mixed_pairs for one in distances) / count**2,
        sum(one.least for one in distances) / count,
    )


def paired_difference(arm: Sequence[Distance], baseline: Sequence[Distance]) -> Difference:
    """The mean difference of two arms over their seeds, one distance a seed in the same order.

    With S seeds the variance is s^2 / S, of the differences d_s between seeds, plus what drawing other sources of the
    reference does to all seeds alike. With m_sj the influence of source j on d_s and M_j its mean over seeds, that is

        J / (J - 1) * (sum_j M_j^2 - 2 sum_j var_s(m_sj) / S),

    or 0 if it is negative. What a source does to one seed alone is in s^2 already, so it is taken out: once would be
    without bias (the variance of a mean over two crossed factors: Cameron, Gelbach and Miller 2011, "Robust inference
    with multiway clustering"), but where the arms are equal, half of such estimates are above 0 by chance.

    With one seed the variance is that of the jackknife over both arms' candidates and over the sources, less the pairs
    that both count more than once. What is left is an estimate without bias, and hence sometimes far too small, so it
    counts as at least the share `least` of what it is where arms are equal. There the sources matter only by which
    candidates were drawn, and the jackknife over candidates is too large by their pairs, and the more so the further
    apart the sources see the arms: by shared * candidate_pairs / mixed_pairs. In a single direction that is exact.
    Degrees of freedom by Satterthwaite (1946).

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
        shared -= 2 * factor * float(moved.var(axis=0, ddof=1).sum()) / len(each)
        parts = ((float(each.var(ddof=1)) / len(each), len(each) - 1.0), (max(shared, 0.0), len(sources) - 1.0))
        return Difference(value, parts)
    own = arm[0].candidate_variance + baseline[0].candidate_variance
    pairs, mixed = (arm[0].candidate_pairs + baseline[0].candidate_pairs, arm[0].mixed_pairs + baseline[0].mixed_pairs)
    of_equal = max(own - shared * pairs / mixed, SMALLEST_PART * own) if mixed else own
    least = (arm[0].least + baseline[0].least) / 2
    freedom = (len(sources) - 1) * (1 + own / shared) ** 2 if shared else math.inf
    return Difference(value, ((max(own + shared - pairs - mixed, least * of_equal), freedom),))
