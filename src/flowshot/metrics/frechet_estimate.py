"""How sure a Frechet distance is, and what it would be with infinitely many clips. Halves of the sets tell both.

The distance of n clips is too large by about a / n (Chong and Forsyth 2020, "Effectively unbiased FID and Inception
Score", arXiv:1911.07023). So the line through the distances of n clips and of halves, drawn without replacement, meets
1 / n = 0 at the limit, FAD-infinity (Gui et al. 2024, "Adapting Frechet audio distance for generative music
evaluation", arXiv:2311.01616). Sizes between the two would add noise and no leverage.

The infinitesimal jackknife alone overstates the variance: what depends on k clips at once is counted for each of them
(Efron and Stein 1981, "The jackknife estimate of variance"), and near distance 0 nothing depends on one clip alone.
Its value at half of the clips tells by how much. Let V(u) be the variance of the distance of n / u clips, where the
part of k clips grows as u^k. The jackknife estimates u V'(u), so V(1) is the integral of jackknife(u) / u from 0 to 1,
and its values at u = 1 and u = 2 extrapolate the integrand: along a line, which is exact for k up to 2, or as a power
of u, which is exact for any single k and never negative. The larger of the two is taken.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.metrics.frechet import FrechetInfluence, frechet_influence
from flowshot.metrics.intervals import assign_folds
from flowshot.metrics.sources import SourceInfluence, source_influence


@dataclass(frozen=True)
class FrechetEstimate:
    """The distance at n clips and its limit, with what is known of their certainty.

    `error` is the standard error of the distance as an estimate of its expectation at this n, bias included, and
    `infinity_error` that of the limit; both have `freedom` degrees of freedom. `influence` is what each source
    contributes. All are None with one source in a set, and the limit is None with fewer than 4 clips in a set.
    """

    value: float
    error: float | None
    infinity: float | None
    infinity_error: float | None
    freedom: float
    influence: SourceInfluence | None


@dataclass(frozen=True)
class _Half:
    value: float
    variance: float | None
    shrinkage: float  # how many times fewer clips it has than the whole


def estimate_frechet(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    splits: int,
    generator: np.random.Generator,
) -> FrechetEstimate:
    """The distance of `x: [n, d]` from `y: [m, d]`, whose clips come from the sources that the groups name.

    The sets are halved `splits` times: between sources, or between clips where a set has too few sources.

    Raises:
        FlowshotError: as `frechet_distance`.
    """
    whole = frechet_influence(x, y)
    influence = source_influence(whole.x, whole.y, groups_x, groups_y)
    pairs = _halve(x, y, groups_x, groups_y, splits, generator)
    if not pairs:  # as sure as the clips are, if they are independent; too few to be halved
        error = None if influence is None else float(np.sqrt(influence.variance))
        return FrechetEstimate(whole.value, error, None, None, influence.freedom if influence else 0.0, influence)
    halves = [half for pair in pairs for half in pair]
    # The limit lies one step of this length beyond the whole, where the halves lie 1 step before it.
    step = 1 / (float(np.mean([half.shrinkage for half in halves])) - 1)
    slopes = np.array([step * (np.mean([half.value for half in pair]) - whole.value) for pair in pairs])
    infinity = whole.value - float(slopes.mean())
    if influence is None:
        return FrechetEstimate(whole.value, None, infinity, None, 0.0, None)
    variance = influence.variance
    smaller = [half.variance for half in halves if half.variance is not None]
    if smaller:
        variance = _without_repetition(variance, float(np.mean(smaller)), 1 + 1 / step)
    # Which clips the halves happened to hold is noise of the limit alone.
    drawn = float(slopes.var(ddof=1)) / len(slopes) if len(slopes) > 1 else 0.0
    return FrechetEstimate(
        whole.value, float(np.sqrt(variance)), infinity, float(np.sqrt(variance + drawn)), influence.freedom, influence
    )


def _without_repetition(jackknife: float, jackknife_of_halves: float, shrinkage: float) -> float:
    """The variance that the jackknife's values at `n` and at `n / shrinkage` clips imply, see the module."""
    if jackknife == 0:
        return 0.0
    change = (jackknife_of_halves / shrinkage - jackknife) / (shrinkage - 1)
    power = float(np.log(jackknife_of_halves / jackknife) / np.log(shrinkage)) if jackknife_of_halves > 0 else 1.0
    return min(jackknife, max(jackknife - change / 2, jackknife / max(power, 1.0)))


def _halve(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    splits: int,
    generator: np.random.Generator,
) -> list[tuple[_Half, _Half]]:
    """Pairs of complementary halves; none where a set has fewer than 4 clips."""
    if min(len(x), len(y)) < 4:
        return []
    if min(len(set(groups_x)), len(set(groups_y))) < 4:
        groups_x, groups_y = [("x", i) for i in range(len(x))], [("y", i) for i in range(len(y))]
    pairs = []
    for _ in range(splits):
        if set(groups_x).isdisjoint(groups_y):
            side_of = assign_folds(groups_x, 2, generator) | assign_folds(groups_y, 2, generator)
        else:
            side_of = assign_folds([*groups_x, *groups_y], 2, generator)
        side_x, side_y = (np.array([side_of[group] for group in groups]) for groups in (groups_x, groups_y))
        if min(np.bincount(side_x, minlength=2).min(), np.bincount(side_y, minlength=2).min()) < 2:
            continue  # one large source outweighs all others
        first, second = (
            _half(x[side_x == side], y[side_y == side], _of(groups_x, side_x, side), _of(groups_y, side_y, side),
                  (len(x) / (side_x == side).sum() + len(y) / (side_y == side).sum()) / 2)
            for side in (0, 1)
        )  # fmt: skip
        pairs.append((first, second))
    return pairs


def _half(x: np.ndarray, y: np.ndarray, groups_x: list[Hashable], groups_y: list[Hashable], shrinkage: float) -> _Half:
    found: FrechetInfluence = frechet_influence(x, y)
    influence = source_influence(found.x, found.y, groups_x, groups_y)
    return _Half(found.value, None if influence is None else influence.variance, shrinkage)


def _of(groups: Sequence[Hashable], sides: np.ndarray, side: int) -> list[Hashable]:
    return [group for group, found in zip(groups, sides, strict=True) if found == side]
