"""Every metric that compares two sets, by the name that `params.yaml` uses."""

import sys
from collections.abc import Callable, Sequence

from flowshot.scoring.comparison import distances, diversity
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics.score import Score

METRICS: dict[str, Callable[[Comparison], Score]] = {
    "fad": distances.fad,
    "fad_infinity": distances.fad_infinity,
    "kid": distances.kid,
    "kad": distances.kad,
    "kad_p": distances.kad_p,
    "local_p": distances.local_p,
    "precision": diversity.precision,
    "recall": diversity.recall,
    "density": diversity.density,
    "coverage": diversity.coverage,
    "vendi": diversity.vendi,
    "label_diversity": diversity.label_diversity,
    "authenticity": diversity.authenticity,
    "training_distance": diversity.training_distance,
}
# What else a metric compares, an attribute of EmbeddedSets. Sets without it are not asked for the metric.
NEEDS = {
    "local_p": "independent",
    "label_diversity": "candidate_classes",
    "authenticity": "nearest",
    "training_distance": "nearest",
}


def compare(both: Comparison, metrics: Sequence[str]) -> list[Score]:
    """The scores of those `metrics` that the sets have; what they are too few for is said on standard error."""
    scores = []
    for name in metrics:
        if name in NEEDS and getattr(both.sets, NEEDS[name]) is None:
            continue
        try:
            scores.append(METRICS[name](both))
        except Undefined as reason:
            print(f"{name} ({both.sets.embedding}): {reason}; it is left out", file=sys.stderr)
    return scores
