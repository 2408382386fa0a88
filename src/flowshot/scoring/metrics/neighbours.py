"""Nearest neighbours in an embedding, which several metrics share."""

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.kernel import squared_distances


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances of all pairs of rows of `x: [n, d]` and `y: [m, d]`, `[n, m]`."""
    return np.sqrt(squared_distances(x, y))


def radii(within: np.ndarray, neighbours: int) -> np.ndarray:
    """The distance of each clip to its `neighbours`-th nearest other one, `[n]`, from `within: [n, n]`.

    Raises:
        FlowshotError: a clip does not have that many others.
    """
    if len(within) <= neighbours:
        raise FlowshotError(
            f"{neighbours} nearest neighbours need at least {neighbours + 1} clips, found {len(within)}; add clips"
        )
    # The nearest of all is the clip itself, at distance 0.
    return np.asarray(np.partition(within, neighbours, axis=1)[:, neighbours])
