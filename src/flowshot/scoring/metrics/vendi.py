"""The Vendi score: how many different clips a set holds, in effect.

Friedman and Dieng (2022), "The Vendi score: a diversity evaluation metric for machine learning" (arXiv:2210.02410),
definition 3.1: the exponential of the entropy of the eigenvalues of K / n, where K holds the similarities of all pairs
and 1 on its diagonal. It needs no reference, lies between 1 (all alike) and n (nothing in common), and grows with n.
"""

import numpy as np

from flowshot.core.errors import FlowshotError


def directions(x: np.ndarray) -> np.ndarray:
    """The rows of `x: [n, d]` at length 1, `[n, d + 1]`; rows of zeros share a direction of their own, the last."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.hstack([np.divide(x, lengths, out=np.zeros(x.shape), where=lengths != 0), lengths == 0])


def cosine_similarities(x: np.ndarray) -> np.ndarray:
    """The cosines between all rows of `x: [n, d]`, `[n, n]`; rows of zeros are alike, and like nothing else."""
    unit = directions(x)
    return np.asarray(unit @ unit.T)


def vendi_score(similarities: np.ndarray) -> float:
    """The score of a set with `similarities: [n, n]`.

    Raises:
        FlowshotError: the similarities are not finite.
    """
    return _effective_number(similarities / len(similarities))


def vendi_of_directions(unit: np.ndarray) -> float:
    """The score of a set by the cosines between `unit: [n, d]`, rows of length 1; raises as `vendi_score`."""
    # Both products have the same eigenvalues but for zeros.
    smaller = unit.T @ unit if len(unit) > unit.shape[1] else unit @ unit.T
    return _effective_number(smaller / len(unit))


def _effective_number(matrix: np.ndarray) -> float:
    if not np.isfinite(matrix).all():
        raise FlowshotError("vendi: an embedding holds NaN or infinity; check the clips it was made from")
    values = np.linalg.eigvalsh(matrix)
    # l log l is 0 at l = 0, around which rounding scatters eigenvalues.
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))
