"""What every distance between two sets of embeddings asks of its input."""

import numpy as np

from flowshot.core.errors import FlowshotError


def require_comparable(x: np.ndarray, y: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as float64, `x: [n, d]` and `y: [m, d]`.

    Raises:
        FlowshotError: a set has fewer than 2 rows, the dimensions differ, or a number is not finite.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise FlowshotError(f"{metric}: the sets must be [n, d] and [m, d] with one d, found {x.shape} and {y.shape}")
    if min(len(x), len(y)) < 2:
        raise FlowshotError(f"{metric}: needs at least 2 clips in each set, found {len(x)} and {len(y)}; add clips")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise FlowshotError(f"{metric}: an embedding holds NaN or infinity; check the clips it was made from")
    return x, y
