"""The Vendi score: how many different clips a set holds, in effect.

Friedman and Dieng (2022), "The Vendi score: a diversity evaluation metric for machine learning" (arXiv:2210.02410),
definition 3.1: the exponential of the entropy of the eigenvalues of K / n, where K holds the similarities of all pairs
and 1 on its diagonal. It needs no reference, lies between 1 (all alike) and n (nothing in common), and grows with n.
"""

import numpy as np

from flowshot.core.errors import FlowshotError


def cosine_similarities(x: np.ndarray) -> np.ndarray:
    """The cosines between all rows of `x: [n, d]`, `[n, n]`; a row of zeros is like itself and like nothing else."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    directions = np.divide(x, lengths, out=np.zeros_like(x, dtype=np.float64), where=lengths != 0)
    cosines = directions @ directions.T
    cosines[np.diag_indices(len(x))] = np.where(np.isfinite(np.diag(cosines)), 1.0, np.nan)
    return np.asarray(cosines)


def vendi_score(similarities: np.ndarray) -> float:
    """The score of a set with `similarities: [n, n]`.

    Raises:
        FlowshotError: the similarities are not finite.
    """
    if not np.isfinite(similarities).all():
        raise FlowshotError("vendi: an embedding holds NaN or infinity; check the clips it was made from")
    values = np.linalg.eigvalsh(similarities / len(similarities))
    # l log l is 0 at l = 0, around which rounding scatters eigenvalues.
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))
