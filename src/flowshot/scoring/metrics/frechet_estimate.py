"""The uncertainty of a Fréchet distance, and what it would be with infinitely many clips. Halves of the sets tell both.

The distance of n clips is too large by about a / n (Chong and Forsyth 2020, "Effectively unbiased FID and Inception
Score", arXiv:1911.07023). So the line through the distances of n clips and of halves, drawn without replacement, meets
1 / n = 0 at the limit, FAD-infinity (Gui et al. 2024, "Adapting Frechet audio distance for generative music
evaluation", arXiv:2311.01616). Sizes between the two would add noise and no leverage.

The infinitesimal jackknife alone overstates the variance: what depends on k clips at once is counted for each of them
(Efron and Stein 1981, "The jackknife estimate of variance"), and near distance 0 nothing depends on one clip alone.
Its value at half of the clips tells by how much, but understates the variance where few clips make most of it. The
geometric mean of both is used: it covers best (reports/checks/coverage.md).

Two arms on one reference differ by what their candidates do, of which the same is true, and by what the sources of the
reference do to one and not to the other. Part of the latter is noise of the candidates: halves of them tell how much.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.mean_interval import student_quantile
from flowshot.scoring.metrics.frechet import frechet_influence
from flowshot.scoring.metrics.intervals import assign_folds
from flowshot.scoring.metrics.sources import SourceInfluence, source_influence

Groups = Sequence[Hashable]

LEAST = 0.5  # see `flowshot.scoring.metrics.paired.Distance`


@dataclass(frozen=True)
class FrechetEstimate:
    """The distance at n clips and its limit, with what is known of their certainty.

    `interval` is that of the distance as an estimate of its expectation at this n, bias included, and
    `infinity_interval` that of the limit; `influence` is what each source contributes. All are None with one source in
    a set, and the limit is None with fewer than 4 clips in a set. `pairs` are the `candidate_pairs` and `mixed_pairs`
    of `flowshot.scoring.metrics.paired.Distance`.
    """

    value: float
    interval: tuple[float, float] | None
    infinity: float | None
    infinity_interval: tuple[float, float] | None
    influence: SourceInfluence | None
    pairs: tuple[float, float] = (0.0, 0.0)


def estimate_frechet(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Groups,
    groups_y: Groups,
    splits: int,
    confidence: float,
    generator: np.random.Generator,
) -> FrechetEstimate:
    """The distance of `x: [n, d]` from `y: [m, d]`, whose clips come from the sources that the groups name.

    The sets are halved `splits` times: between sources, or between clips where a set has too few sources.
    """
    value, influence = _distance(x, y, groups_x, groups_y)
    slopes: list[float] = []
    ratios: list[float] = []
    of_halves: list[SourceInfluence] = []
    noise = 0.0
    for halves in _halve(groups_x, groups_y, splits, generator):
        ratio = float(np.mean([len(side) / side.sum() for half in halves for side in half]))
        found = [_distance(x[a], y[b], _of(groups_x, a), _of(groups_y, b)) for a, b in halves]
        # The limit lies as far beyond the whole as 1 / (ratio - 1) times the halves lie before it.
        slopes.append((float(np.mean([half for half, _ in found])) - value) / (ratio - 1))
        of_halves += [half for _, half in found if half is not None]
        if not ratios and set(groups_x).isdisjoint(groups_y):
            noise = _noise_of_candidates(x, y, groups_x, groups_y, [a for a, _ in halves])
        ratios.append(ratio)
    infinity = value - float(np.mean(slopes)) if slopes else None
    if influence is None:
        return FrechetEstimate(value, None, infinity, None, None)
    variance, own = influence.variance, influence.candidate_variance
    if of_halves:
        ratio = float(np.mean(ratios))
        variance = _tempered(variance, float(np.mean([half.variance for half in of_halves])), ratio)
        own = _tempered(own, float(np.mean([half.candidate_variance for half in of_halves])), ratio)
    quantile = student_quantile(influence.freedom, confidence)

    def interval(centre: float, variance: float) -> tuple[float, float]:
        return centre - quantile * float(np.sqrt(variance)), centre + quantile * float(np.sqrt(variance))

    # Which clips the halves happened to hold is noise of the limit alone.
    drawn = float(np.var(slopes, ddof=1)) / len(slopes) if len(slopes) > 1 else 0.0
    beyond = None if infinity is None else interval(infinity, variance + drawn)
    pairs = influence.candidate_variance - own, noise
    return FrechetEstimate(value, interval(value, variance), infinity, beyond, influence, pairs)


def _noise_of_candidates(
    x: np.ndarray, y: np.ndarray, groups_x: Groups, groups_y: Groups, halves: Sequence[np.ndarray]
) -> float:
    """The variance that the influences of the reference's sources get from which candidates were drawn.

    Halves of the candidates differ by twice as many independent parts of half the size: four times as much.
    """
    one, other = (_distance(x[half], y, _of(groups_x, half), groups_y)[1] for half in halves)
    return 0.0 if one is None or other is None else one.paired_variance(other) / 4


def _distance(x: np.ndarray, y: np.ndarray, groups_x: Groups, groups_y: Groups) -> tuple[float, SourceInfluence | None]:
    value, influence_x, influence_y = frechet_influence(x, y)
    return value, source_influence(influence_x, influence_y, groups_x, groups_y)


def _tempered(jackknife: float, jackknife_of_halves: float, ratio: float) -> float:
    """The geometric mean of the jackknife's variance and of that without repetition."""
    return float(np.sqrt(jackknife * _without_repetition(jackknife, jackknife_of_halves, ratio)))


def _without_repetition(jackknife: float, jackknife_of_halves: float, ratio: float) -> float:
    """The variance that the jackknife's values at `n` and at `n / ratio` clips imply.

    Let V(u) be the variance of the distance of n / u clips, where the part of k clips grows as u^k. The jackknife
    estimates u V'(u), so V(1) is the integral of jackknife(u) / u from 0 to 1, and two values extrapolate the
    integrand: along a line, which is exact for k up to 2, or as a power of u, which is exact for any single k and never
    negative. The larger of the two is taken.
    """
    if jackknife == 0:
        return 0.0
    change = (jackknife_of_halves / ratio - jackknife) / (ratio - 1)
    power = float(np.log(jackknife_of_halves / jackknife) / np.log(ratio)) if jackknife_of_halves > 0 else 1.0
    return min(jackknife, max(jackknife - change / 2, jackknife / max(power, 1.0)))


def _halve(
    groups_x: Groups, groups_y: Groups, splits: int, generator: np.random.Generator
) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Complementary halves as masks of x and of y, `[n]` and `[m]`; none where a set has fewer than 4 clips."""
    if min(len(groups_x), len(groups_y)) < 4:
        return
    if min(len(set(groups_x)), len(set(groups_y))) < 4:
        groups_x, groups_y = [("x", i) for i in range(len(groups_x))], [("y", i) for i in range(len(groups_y))]
    for _ in range(splits):
        if set(groups_x).isdisjoint(groups_y):
            side_of = assign_folds(groups_x, 2, generator) | assign_folds(groups_y, 2, generator)
        else:
            side_of = assign_folds([*groups_x, *groups_y], 2, generator)
        sides = [np.array([side_of[group] for group in groups]) for groups in (groups_x, groups_y)]
        if min(np.bincount(side, minlength=2).min() for side in sides) >= 2:  # else one large source outweighs the rest
            yield [(sides[0] == half, sides[1] == half) for half in (0, 1)]


def _of(groups: Groups, kept: np.ndarray) -> list[Hashable]:
    return [group for group, found in zip(groups, kept, strict=True) if found]
