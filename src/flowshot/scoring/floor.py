"""The floor: what held-out real clips of some sources score against those of others, in repeated halves of all sources.

Clips of validation and test, never of training, are halved between sources; one half stands for an arm, the other for
the reference. KID and KAD are around 0 whatever the numbers of clips are. FAD is not, and a half is neither as large as
an arm nor as free: an arm that learned the population perfectly draws n independent clips of it, a half has the clips
of its own sources only. Let b be the bias of FAD from the sources of one half, and a that of n clips drawn at random.
Clips drawn from the other half are at 2 b + a, because both halves have a bias of their own; clips drawn from all
sources are at b / 2 + a, because a half is half as far from the whole as from the other half, and FAD goes with the
square. The perfect arm is at b + a: a third of the first and two thirds of the second.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from flowshot.clips.held_out import REFERENCE_SEED, NamedClips
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.frechet import frechet_distance
from flowshot.scoring.metrics.intervals import assign_folds
from flowshot.scoring.metrics.score import Score

GROW = ("recall", "coverage", "vendi")  # with n: half of the clips say nothing about an arm that has more


def floor_scores(sets: EmbeddedSets, metrics: list[str], n: int, config: ScoreConfig) -> list[Score]:
    """Every metric but p-values, for arms of `n` clips; both sets of `sets` are all of the held-out clips.

    Metrics that grow with n are left out where a half has fewer clips than an arm.

    A value is the mean over `config.halves` halvings. Its interval is the range of the halvings, at the level of
    intervals. n of FAD is `n`, that of other metrics what a half has at most.
    """
    found: dict[str, list[Score]] = defaultdict(list)
    for i in range(config.halves):
        generator = numpy_generator(REFERENCE_SEED, "floor", sets.embedding, str(i))
        for score in _halved(sets, metrics, n, config, generator):
            found[score.metric].append(score)
    return [_mean(found[metric], config.confidence) for metric in metrics if metric in found]


def joined(*parts: NamedClips) -> NamedClips:
    """All of the clips as one set, with names of their own."""
    names = [f"held-out {i}" for i in range(sum(len(part.names) for part in parts))]
    groups = [group for part in parts for group in part.groups]
    return NamedClips(np.concatenate([part.clips for part in parts]), names, groups)


def _halved(
    sets: EmbeddedSets, metrics: list[str], n: int, config: ScoreConfig, generator: np.random.Generator
) -> list[Score]:
    """What one half of the sources scores against the other; none where a half has fewer than 2 clips."""
    groups = list(sets.candidate_groups)
    if len(set(groups)) < 2:
        groups = list(range(len(groups)))
    side_of = assign_folds(groups, 2, generator)
    side = np.array([side_of[group] for group in groups])
    half, other = np.flatnonzero(side == 0), np.flatnonzero(side == 1)
    one = np.sort(generator.permutation(half)[:n])
    if min(len(one), len(other)) < 2:
        return []
    # Only values are looked at, so the cheapest intervals will do.
    cheap = replace(config, folds=2, splits=1)
    wanted = [metric for metric in metrics if metric != "fad" and not metric.endswith("_p")]
    scores = compare(Comparison(sets.at(one, other), cheap, lambda _: generator), wanted)
    scores = [score for score in scores if score.metric not in GROW or score.n == n]
    if "fad" in metrics:
        value = _perfect_frechet(sets.reference, half, other, n, generator)
        scores.append(Score("fad", sets.embedding, value, None, None, n))
    return [replace(score, details={"reference_n": len(other)}) for score in scores]


def _perfect_frechet(
    clips: np.ndarray, one: np.ndarray, other: np.ndarray, n: int, generator: np.random.Generator
) -> float:
    """The distance of `n` clips of a perfect model from the clips `other`, see the module."""
    apart, among = (clips[generator.choice(rows, n)] for rows in (one, np.arange(len(clips))))
    return (frechet_distance(apart, clips[other]) + 2 * frechet_distance(among, clips[other])) / 3


def _mean(scores: list[Score], confidence: float) -> Score:
    values = np.array([score.value for score in scores])
    low, high = np.quantile(values, [0.5 - confidence / 2, 0.5 + confidence / 2])
    n, m = (round(np.mean(each)) for each in zip(*((s.n, s.details["reference_n"]) for s in scores), strict=True))
    value = float(values.mean())
    # With very few halves, rounding may put the mean a hair outside.
    ci_low, ci_high = min(float(low), value), max(float(high), value)
    return replace(scores[0], value=value, ci_low=ci_low, ci_high=ci_high, n=n, details={"reference_n": m})
