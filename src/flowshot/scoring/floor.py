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
from collections.abc import Callable
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
    # Only values are looked at, so the cheapest intervals will do.
    cheap = replace(config, folds=2, splits=1)
    wanted = [metric for metric in metrics if metric != "fad" and not metric.endswith("_p")]
    groups = list(sets.candidate_groups)
    if len(set(groups)) < 2:
        groups = list(range(len(groups)))
    found: dict[str, list[Score]] = defaultdict(list)
    for i in range(config.halves):
        generator = numpy_generator(REFERENCE_SEED, "floor", sets.embedding, str(i))
        side_of = assign_folds(groups, 2, generator)
        side = np.array([side_of[group] for group in groups])
        one, other = generator.permutation(np.flatnonzero(side == 0))[:n], np.flatnonzero(side == 1)
        if min(len(one), len(other)) < 2:
            continue
        for score in compare(Comparison(at(sets, np.sort(one), other), cheap, _draws(generator)), wanted):
            if score.metric not in GROW or score.n == n:
                found[score.metric].append(replace(score, details={"reference_n": len(other)}))
        if "fad" in metrics:
            value = _perfect_frechet(sets.reference, np.flatnonzero(side == 0), other, n, generator)
            found["fad"].append(Score("fad", sets.embedding, value, None, None, n, {"reference_n": len(other)}))
    return [_mean(found[metric], config.confidence) for metric in metrics if metric in found]


def at(sets: EmbeddedSets, candidate: np.ndarray, reference: np.ndarray) -> EmbeddedSets:
    """The clips at these rows."""
    x, y, nearest = sets.candidate_classes, sets.reference_classes, sets.nearest
    return replace(
        sets,
        candidate=sets.candidate[candidate],
        reference=sets.reference[reference],
        candidate_groups=[sets.candidate_groups[row] for row in candidate],
        reference_groups=[sets.reference_groups[row] for row in reference],
        candidate_classes=None if x is None else x[candidate],
        reference_classes=None if y is None else y[reference],
        nearest=None if nearest is None else (nearest[0].at(candidate), nearest[1].at(reference)),
        candidate_names=[sets.candidate_names[row] for row in candidate] if sets.candidate_names else (),
    )


def joined(*parts: NamedClips) -> NamedClips:
    """All of the clips as one set, with names of their own."""
    names = [f"held-out {i}" for i in range(sum(len(part.names) for part in parts))]
    groups = [group for part in parts for group in part.groups]
    return NamedClips(np.concatenate([part.clips for part in parts]), names, groups)


def _perfect_frechet(
    clips: np.ndarray, one: np.ndarray, other: np.ndarray, n: int, generator: np.random.Generator
) -> float:
    """The distance of `n` clips of a perfect model from the clips `other`, see the module."""
    apart, among = (clips[generator.choice(rows, n)] for rows in (one, np.arange(len(clips))))
    return (frechet_distance(apart, clips[other]) + 2 * frechet_distance(among, clips[other])) / 3


def _draws(generator: np.random.Generator) -> Callable[[str], np.random.Generator]:
    return lambda _: generator


def _mean(scores: list[Score], confidence: float) -> Score:
    values = np.array([score.value for score in scores])
    low, high = np.quantile(values, [0.5 - confidence / 2, 0.5 + confidence / 2])
    n, m = (round(np.mean(each)) for each in zip(*((s.n, s.details["reference_n"]) for s in scores), strict=True))
    value = float(values.mean())
    # With very few halves, rounding may put the mean a hair outside.
    low, high = min(float(low), value), max(float(high), value)
    return replace(scores[0], value=value, ci_low=low, ci_high=high, n=n, details={"reference_n": m})
