"""The Frechet distance between Gaussians fitted to two sets of embeddings (FAD, where these are of audio).

Dowson and Landau (1982), "The Frechet distance between multivariate normal distributions"; used for audio by
Kilgour et al. (2019), "Frechet audio distance" (arXiv:1812.08466):

    |mu_x - mu_y|^2 + Tr(S_x) + Tr(S_y) - 2 Tr((S_x S_y)^(1/2))

The last trace needs no matrix square root: for any factors A'A = S_x and B'B = S_y it is the nuclear norm
(the sum of the singular values) of A B', because A and S_x^(1/2) differ by a rotation only.
"""

import numpy as np

from flowshot.metrics.inputs import require_comparable


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The distance between `x: [n, d]` and `y: [m, d]`, covariances with n - 1 in the denominator.

    It is the plug-in estimate, whose bias depends on n and m: compare values at equal n only.

    Raises:
        FlowshotError: fewer than 2 rows, differing dimensions, or a number that is not finite.
    """
    x, y = require_comparable(x, y, "fad")
    difference = x.mean(axis=0) - y.mean(axis=0)
    return _distance(difference, _covariance_factor(x), _covariance_factor(y))


def gaussian_frechet_distance(
    mean_x: np.ndarray, covariance_x: np.ndarray, mean_y: np.ndarray, covariance_y: np.ndarray
) -> float:
    """The distance between two Gaussians given by their means `[d]` and covariances `[d, d]`."""
    return _distance(mean_x - mean_y, _root(covariance_x), _root(covariance_y))


def _distance(difference: np.ndarray, factor_x: np.ndarray, factor_y: np.ndarray) -> float:
    overlap = np.linalg.svd(factor_x @ factor_y.T, compute_uv=False).sum()
    spread = np.square(factor_x).sum() + np.square(factor_y).sum()
    # Rounding can take the distance of a set to itself a hair below zero.
    return max(0.0, float(difference @ difference + spread - 2 * overlap))


def _covariance_factor(x: np.ndarray) -> np.ndarray:
    """A matrix `[min(n, d), d]` whose product with its transpose from the left is the covariance of x."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    # With more clips than dimensions the triangular factor says the same in fewer rows.
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred


def _root(covariance: np.ndarray) -> np.ndarray:
    """A factor `[rank, d]` of a covariance; directions of rounding error alone are left out."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    return np.sqrt(values[kept])[:, None] * vectors[:, kept].T
