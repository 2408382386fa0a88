"""p-values of several tests at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values that hold together: the chance of any false finding stays below the level they are compared with.

    Holm (1979), "A simple sequentially rejective multiple test procedure": the smallest of k is multiplied by k, the
    next by k - 1, and so on, none being less than one before it.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
