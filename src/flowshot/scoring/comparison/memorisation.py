"""Whether candidates are copies of the clips that their model learned from."""

import numpy as np

from flowshot.core.mean_interval import mean_standard_error, proportion_interval
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics.memorisation import relative_training_distance
from flowshot.scoring.metrics.score import Score

CLOSEST_PAIRS = 10


def authenticity(both: Comparison) -> Score:
    """The fraction of candidates that are no copies. Its interval is over candidates; the closest pairs are listed."""
    nearest, _ = both.nearest
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
    candidates, held_out = both.nearest
    value, x, y = relative_training_distance(candidates.distance, held_out.distance)
    if np.isnan(value):
        raise Undefined("every held-out clip is a copy of a training clip")
    return both.linear_score("training_distance", value, x, y)
