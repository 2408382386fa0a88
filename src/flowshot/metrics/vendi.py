"""The Vendi score: how many different clips a set holds, in effect.

Friedman and Dieng (2022), "The Vendi score: a diversity evaluation metric for machine learning" (arXiv:2210.02410),
definition 3.1: the exponential of the entropy of the eigenvalues of K / n, where K holds the similarities of all pairs
and 1 on its diagonal. It needs no reference, lies between 1 (all alike) and n (nothing in common), and grows with n.
"""

import numpy as np

from flowshot.errors import FlowshotError


def cosine_similarities(x: np.ndarray) -> np.ndarray:
    """The cosines between all rows of `x: [n, d]`, `[n, n]`; a row of zeros is like itself and like nothing else."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    directions = np.divide(x, lengths, out=np.zeros_like(x, dtype=np.float64), where=lengths != 0)
    cosines = directions @ directions.T
    cosines[np.diag_indices(len(x))] = np.where(np.isfinite(np.diag(cosines)), 1.0, np.nan)
    return np.asarray(cosines)


def vendi_score(similarities: np.ndarray) -> tuple[float, np.ndarray]:
    """The score of a set with `similarities: [n, n]`, and the influence of each clip on it, `[n]` with mean 0.

    The influence is n times the derivative by the clip's weight: with K / n = U diag(l) U', the entropy H changes by
    -sum_k n l_k log(l_k) U_ik^2 - H, and its exponential by itself times that.

    Raises:
        FlowshotError: the similarities are not finite.
    """
    if not np.isfinite(similarities).all():
        raise FlowshotError("vendi: an embedding holds NaN or infinity; check the clips it was made from")
    n = len(similarities)
    values, vectors = np.linalg.eigh(similarities / n)
    values = np.maximum(values, 0.0)
    # l log l is 0 at l = 0, where rounding leaves eigenvalues of either sign.
    entropies = -values * np.log(np.where(values > 0, values, 1.0))
    entropy = float(entropies.sum())
    influence = n * np.square(vectors) @ entropies - entropy
    return float(np.exp(entropy)), np.exp(entropy) * influence
