"""Density and coverage: precision and recall that one outlier cannot inflate.

Naeem et al. (2020), "Reliable fidelity and diversity metrics for generative models" (arXiv:2002.09797), eq. 3 and 4,
with balls around real clips only. Distances are as in `precision_recall`.
"""

import numpy as np


def density(between: np.ndarray, reference_radii: np.ndarray, neighbours: int) -> float:
    """In how many balls of real clips a candidate lies, over the k neighbours that define them; about 1 if alike."""
    return float((between <= reference_radii).sum(axis=1).mean() / neighbours)


def coverage(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of real clips with a candidate in their ball."""
    return float((between.min(axis=0) <= reference_radii).mean())
