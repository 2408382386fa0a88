"""Precision and recall: what of the candidates looks real, and what of the real clips could be a candidate.

Kynkaanniemi et al. (2019), "Improved precision and recall metric for assessing generative models"
(arXiv:1904.06991), eq. 1 and 2: a set covers the balls around its clips that reach to their k-th nearest neighbour.
All take Euclidean distances in an embedding: `between: [n, m]` from the n candidates to the m real clips, and the
radii of a set as `neighbours.radii` gives them.
"""

import numpy as np


def precision(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of candidates that lie in the ball of some real clip, whose radii are `[m]`."""
    return float((between <= reference_radii).any(axis=1).mean())


def recall(between: np.ndarray, candidate_radii: np.ndarray) -> float:
    """The fraction of real clips that lie in the ball of some candidate, whose radii are `[n]`."""
    return float((between <= candidate_radii[:, None]).any(axis=0).mean())
