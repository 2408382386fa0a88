"""Nearest neighbours in an embedding: fidelity and diversity of candidates against real clips.

All take Euclidean distances: `between: [n, m]` from the n candidates to the m real clips, and the radii of a set, which
reach from each clip to its k-th nearest neighbour.

Precision and recall: Kynkaanniemi et al. (2019), "Improved precision and recall metric for assessing generative models"
(arXiv:1904.06991), eq. 1 and 2. Density and coverage: Naeem et al. (2020), "Reliable fidelity and diversity metrics for
generative models" (arXiv:2002.09797), eq. 3 and 4, which one outlier among the real clips cannot inflate.
"""

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


def precision(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of candidates that lie in the ball of some real clip, whose radii are `[m]`."""
    return float((between <= reference_radii).any(axis=1).mean())


def recall(between: np.ndarray, candidate_radii: np.ndarray) -> float:
    """The fraction of real clips that lie in the ball of some candidate, whose radii are `[n]`; it grows with n."""
    return float((between <= candidate_radii[:, None]).any(axis=0).mean())


def coverage(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of real clips with a candidate in their ball; it grows with n."""
    return float((between.min(axis=0) <= reference_radii).mean())


def density(between: np.ndarray, within: np.ndarray, neighbours: int) -> float:
    """In how many balls of real clips a candidate lies, over the k neighbours in a ball; about 1 if alike.

    `within: [m, m]` are the distances of the real clips. Where several real clips are equal (silent ones, say), a ball
    holds more than k others, and counts for one over their number: else one silent candidate would lie in hundreds.
    """
    reach = radii(within, neighbours)
    others = (within <= reach[:, None]).sum(axis=1) - 1
    return float(((between <= reach) / others).sum(axis=1).mean())
