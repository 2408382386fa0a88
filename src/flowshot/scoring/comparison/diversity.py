"""Fidelity and diversity of candidates, and whether they are copies of the clips that their model learned from."""

from collections.abc import Callable

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import mean_standard_error, proportion_interval, student_interval
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics import diversity, neighbours
from flowshot.scoring.metrics.intervals import two_sample_jackknife
from flowshot.scoring.metrics.score import Score

CLOSEST_PAIRS = 10
# Of the rows of candidates and of the reference that count, and the distances between them.
NeighbourStatistic = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def precision(both: Comparison) -> Score:
    """Fidelity."""
    k, reference = both.config.neighbours, both.within[1]
    return _proportion("precision", both, lambda x, y, xy: neighbours.precision(xy, reference.radii(y, k)))


def recall(both: Comparison) -> Score:
    """Diversity, by balls around candidates."""
    k, candidates = both.config.neighbours, both.within[0]
    return _proportion("recall", both, lambda x, y, xy: neighbours.recall(xy, candidates.radii(x, k)))


def coverage(both: Comparison) -> Score:
    """Diversity, by balls around real clips."""
    k, reference = both.config.neighbours, both.within[1]
    return _proportion("coverage", both, lambda x, y, xy: neighbours.coverage(xy, reference.radii(y, k)))


def density(both: Comparison) -> Score:
    """Fidelity, by how many real clips are near."""
    k, within = both.config.neighbours, both.within[1].within
    value, error = _jackknifed("density", both, lambda x, y, xy: neighbours.density(xy, within[np.ix_(y, y)], k))
    return both.score("density", value, student_interval(value, error, both.config.confidence), 0.0)


def vendi(both: Comparison) -> Score:
    """Of the candidates alone, by the cosines of their embeddings."""
    unit, reference = diversity.directions(both.sets.candidate), both.sets.reference
    value = diversity.vendi_score(unit)

    def of(kept: np.ndarray, _: np.ndarray) -> float:
        return value if len(kept) == len(unit) else diversity.vendi_score(kept)

    error = two_sample_jackknife(of, unit, reference, *both.groups, both.config.folds, both.draws("vendi"))
    return both.score("vendi", value, student_interval(value, error, both.config.confidence), 1.0)


def label_diversity(both: Comparison) -> Score:
    """Over how many classes the candidates spread, as a fraction of the reference's."""
    classes = both.sets.candidate_classes, both.sets.reference_classes
    if classes[0] is None or classes[1] is None or not (classes[0].any() and classes[1].any()):
        raise Undefined("no clip of a set has any class")
    return both.linear_score("label_diversity", *diversity.label_diversity(classes[0], classes[1]))


def authenticity(both: Comparison) -> Score:
    """The fraction of candidates that are no copies. Its interval is over candidates; the closest pairs are listed."""
    assert both.sets.nearest is not None
    nearest, _ = both.sets.nearest
    groups, names, training = both.groups[0], both.sets.candidate_names, both.sets.training_names
    value = float(nearest.authentic.mean())
    error = mean_standard_error(nearest.authentic.astype(np.float64), groups)
    closest = [
        {
            "candidate": names[i],
            "training": training[nearest.row[i]],
            "distance": float(nearest.distance[i]),
            "authentic": bool(nearest.authentic[i]),
        }
        for i in np.argsort(nearest.distance, kind="stable")[:CLOSEST_PAIRS]
    ]
    interval = proportion_interval(value, error, len(set(groups)), both.config.confidence)
    return both.score("authenticity", value, interval, details={"closest": closest})


def training_distance(both: Comparison) -> Score:
    """How far the nearest training clip is, as a multiple of how far it is from real clips that no model has seen."""
    assert both.sets.nearest is not None
    candidates, held_out = both.sets.nearest
    value, x, y = neighbours.relative_training_distance(candidates.distance, held_out.distance)
    if np.isnan(value):
        raise Undefined("every held-out clip is a copy of a training clip")
    return both.linear_score("training_distance", value, x, y)


def _proportion(metric: str, both: Comparison, statistic: NeighbourStatistic) -> Score:
    value, error = _jackknifed(metric, both, statistic)
    sources = min(len(set(groups)) for groups in both.groups)
    return both.score(metric, value, proportion_interval(value, error, sources, both.config.confidence))


def _jackknifed(
    metric: str, both: Comparison, statistic: NeighbourStatistic
) -> tuple[float, tuple[float, float] | None]:
    """The value, and its standard error with degrees of freedom where there are enough clips and sources."""
    k, between = both.config.neighbours, both.between
    if min(between.shape) <= k:
        raise Undefined(f"{k} nearest neighbours need at least {k + 1} clips in each set, found {min(between.shape)}")

    def of(x: np.ndarray, y: np.ndarray) -> float:
        return statistic(x, y, between[np.ix_(x, y)])

    x, y = (np.arange(size) for size in between.shape)
    try:
        error = two_sample_jackknife(of, x, y, *both.groups, both.config.folds, both.draws(metric))
    except FlowshotError:  # without a fold, fewer clips are left than a neighbourhood has
        error = None
    return of(x, y), error
