"""The Frechet distance between Gaussians fitted to two sets of embeddings (FAD, where these are of audio).

Dowson and Landau (1982), "The Frechet distance between multivariate normal distributions"; used for audio by
Kilgour et al. (2019), "Frechet audio distance" (arXiv:1812.08466):

    |mu_x - mu_y|^2 + Tr(S_x) + Tr(S_y) - 2 Tr((S_x S_y)^(1/2))

The last trace needs no matrix square root: for any factors A'A = S_x and B'B = S_y it is the nuclear norm
(the sum of the singular values) of A B', because A and S_x^(1/2) differ by a rotation only.
"""

from dataclasses import dataclass

import numpy as np

from flowshot.scoring.metrics.inputs import require_comparable


@dataclass(frozen=True)
class FrechetInfluence:
    """The distance of two sets, and what each clip contributes to its uncertainty: `x: [n]` and `y: [m]`."""

    value: float
    x: np.ndarray
    y: np.ndarray


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The distance between `x: [n, d]` and `y: [m, d]`, covariances with n - 1 in the denominator.

    It is the plug-in estimate, whose bias depends on n and m: compare values at the same n and m only.

    Raises:
        FlowshotError: fewer than 2 rows, differing dimensions, or a number that is not finite.
    """
    x, y = require_comparable(x, y, "fad")
    difference = x.mean(axis=0) - y.mean(axis=0)
    factor_x, factor_y = _covariance_factor(x), _covariance_factor(y)
    overlap = np.linalg.svd(factor_x @ factor_y.T, compute_uv=False)
    return _value(difference, factor_x, factor_y, overlap)


def frechet_influence(x: np.ndarray, y: np.ndarray) -> FrechetInfluence:
    """The distance between `x: [n, d]` and `y: [m, d]` and its empirical influence functions.

    The influence of a clip is n times the derivative of the distance by the clip's weight (Hampel 1974, "The
    influence curve and its role in robust estimation"), so it averages 0 over a set, and the squares of influence / n
    sum to the infinitesimal jackknife's variance. By A B' = U diag(s) V', the derivative of the nuclear norm by the
    weight of clip i is sum_k s_k U_ik^2 / 2, so that, less its mean, and alike for y with V,

        influence(x_i) = 2 (x_i - mu_x).(mu_x - mu_y) + n / (n - 1) |x_i - mu_x|^2 - n sum_k s_k U_ik^2.

    It holds for any n and d: where n <= d the optimal transport map that this is the quadratic form of exists on the
    span of the clips, which is all that is needed. Raises as `frechet_distance`.
    """
    x, y = require_comparable(x, y, "fad")
    centred_x, centred_y = x - x.mean(axis=0), y - y.mean(axis=0)
    difference = x.mean(axis=0) - y.mean(axis=0)
    (basis_x, factor_x), (basis_y, factor_y) = _based_factor(centred_x), _based_factor(centred_y)
    left, overlap, right = np.linalg.svd(factor_x @ factor_y.T, full_matrices=False)
    return FrechetInfluence(
        _value(difference, factor_x, factor_y, overlap),
        _influence(centred_x, difference, np.square(basis_x @ left) @ overlap),
        _influence(centred_y, -difference, np.square(basis_y @ right.T) @ overlap),
    )


def _value(difference: np.ndarray, factor_x: np.ndarray, factor_y: np.ndarray, overlap: np.ndarray) -> float:
    spread = np.square(factor_x).sum() + np.square(factor_y).sum()
    # Rounding can take the distance of a set to itself a hair below zero.
    return max(0.0, float(difference @ difference + spread - 2 * overlap.sum()))


def _covariance_factor(x: np.ndarray) -> np.ndarray:
    """A matrix `[min(n, d), d]` whose product with its transpose from the left is the covariance of x."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    # With more clips than dimensions the triangular factor says the same in fewer rows.
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred


def _based_factor(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`_covariance_factor` with the orthonormal columns `[n, min(n, d)]` that take it back to the clips."""
    factor = centred / np.sqrt(len(centred) - 1)
    if len(centred) > centred.shape[1]:
        basis, factor = np.linalg.qr(factor)
        return basis, factor
    return np.eye(len(centred)), factor


def _influence(centred: np.ndarray, difference: np.ndarray, transported: np.ndarray) -> np.ndarray:
    n = len(centred)
    spread = n / (n - 1) * np.square(centred).sum(axis=1)
    raw = 2 * centred @ difference + spread - n * transported
    return np.asarray(raw - raw.mean())
