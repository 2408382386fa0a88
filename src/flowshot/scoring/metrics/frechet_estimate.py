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

A large distance is less certain than a small one, so an interval around an estimate that is low by chance would be too
short above. On a scale on which the error is the same everywhere it would not. The end of such an interval is about as
many errors away as usual, if the error is that of halfway there: of the sets with the weights of their sources tilted
until the distance is half an interval away (the least favourable family of Efron 1987, "Better bootstrap confidence
intervals", along which an estimate moves fastest).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.mean_interval import student_quantile
from flowshot.scoring.metrics.frechet import FrechetInfluence, frechet_influence
from flowshot.scoring.metrics.intervals import assign_folds
from flowshot.scoring.metrics.sources import SourceInfluence, source_influence


@dataclass(frozen=True)
class FrechetEstimate:
    """The distance at n clips and its limit, with what is known of their certainty.

    `interval` is that of the distance as an estimate of its expectation at this n, bias included, and
    `infinity_interval` that of the limit; `influence` is what each source contributes. All are None with one source
    in a set, and the limit is None with fewer than 4 clips in a set.
    """

    value: float
    interval: tuple[float, float] | None
    infinity: float | None
    infinity_interval: tuple[float, float] | None
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
    confidence: float,
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
    halves = [half for pair in pairs for half in pair]
    infinity, drawn, shrinkage = None, 0.0, 1.0
    if halves:
        shrinkage = float(np.mean([half.shrinkage for half in halves]))
        # The limit lies as far beyond the whole as 1 / (shrinkage - 1) times the halves lie before it.
        slopes = np.array([(np.mean([half.value for half in pair]) - whole.value) / (shrinkage - 1) for pair in pairs])
        infinity = whole.value - float(slopes.mean())
        # Which clips the halves happened to hold is noise of the limit alone.
        drawn = float(slopes.var(ddof=1)) / len(slopes) if len(slopes) > 1 else 0.0
    if influence is None:
        return FrechetEstimate(whole.value, None, infinity, None, None)
    variance = influence.variance
    smaller = [half.variance for half in halves if half.variance is not None]
    if smaller:
        variance = _without_repetition(variance, float(np.mean(smaller)), shrinkage)
    quantile = student_quantile(influence.freedom, confidence)
    below, above = (
        quantile * _relative_error(x, y, groups_x, groups_y, influence, sign * quantile * np.sqrt(variance) / 2)
        for sign in (-1, 1)
    )

    def interval(centre: float, error: float) -> tuple[float, float]:
        return centre - below * error, centre + above * error

    return FrechetEstimate(
        whole.value,
        interval(whole.value, float(np.sqrt(variance))),
        infinity,
        None if infinity is None else interval(infinity, float(np.sqrt(variance + drawn))),
        influence,
    )


def _relative_error(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    influence: SourceInfluence,
    shift: float,
) -> float:
    """The standard error where the distance is larger by `shift`, as a multiple of the one where it is."""
    moved = influence.by_source()
    squares = sum(value**2 for value in moved.values())
    if squares == 0:
        return 1.0
    # To first order, weights exp(c * influence) move the distance by c times the sum of squares.
    tilt = {source: float(np.exp(shift / squares * value)) for source, value in moved.items()}
    weights_x, weights_y = (np.array([tilt[group] for group in groups]) for groups in (groups_x, groups_y))
    found = frechet_influence(x, y, weights_x, weights_y)
    tilted = source_influence(found.x, found.y, groups_x, groups_y)
    assert tilted is not None  # as many sources as in `influence`
    mean = float(np.mean(list(tilt.values())))
    return float(np.sqrt(sum(tilt[source] / mean * value**2 for source, value in tilted.by_source().items()) / squares))


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
