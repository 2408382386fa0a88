"""The Frechet distance between Gaussians fitted to two sets of embeddings (FAD, where these are of audio).

Dowson and Landau (1982), "The Frechet distance between multivariate normal distributions"; used for audio by
Kilgour et al. (2019), "Frechet audio distance" (arXiv:1812.08466):

    |mu_x - mu_y|^2 + Tr(S_x) + Tr(S_y) - 2 Tr((S_x S_y)^(1/2))

The last trace needs no matrix square root: for any factors A'A = S_x and B'B = S_y it is the nuclear norm
(the sum of the singular values) of A B', because A and S_x^(1/2) differ by a rotation only.
"""

import numpy as np


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The distance between `x: [n, d]` and `y: [m, d]`, covariances with n - 1 in the denominator.

    It is the plug-in estimate, whose bias depends on n and m: compare values at the same n and m only.
    """
    a, b = (np.linalg.qr(each - each.mean(axis=0), mode="r") / np.sqrt(len(each) - 1) for each in (x, y))
    return _value(x.mean(axis=0) - y.mean(axis=0), a, b, np.linalg.svd(a @ b.T, compute_uv=False))


def frechet_influence(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The distance between `x: [n, d]` and `y: [m, d]` and its empirical influence functions, `[n]` and `[m]`.

    The influence of a clip is n times the derivative of the distance by the clip's weight (Hampel 1974, "The
    influence curve and its role in robust estimation"), so it averages 0 over a set, and the squares of influence / n
    sum to the infinitesimal jackknife's variance. By A B' = U diag(s) V', the derivative of the nuclear norm by the
    weight of clip i is sum_k s_k U_ik^2 / 2, so that, less its mean, and alike for y with V,

        influence(x_i) = 2 (x_i - mu_x).(mu_x - mu_y) + n / (n - 1) |x_i - mu_x|^2 - n sum_k s_k U_ik^2.

    It holds for any n and d: where n <= d the optimal transport map that this is the quadratic form of exists on the
    span of the clips, which is all that is needed.
    """
    centred_x, centred_y = x - x.mean(axis=0), y - y.mean(axis=0)
    difference = x.mean(axis=0) - y.mean(axis=0)
    # Orthonormal columns `[n, min(n, d)]` take a factor back to the clips.
    (basis_x, factor_x), (basis_y, factor_y) = (np.linalg.qr(each / np.sqrt(len(each) - 1)) for each in
                                                (centred_x, centred_y))  # fmt: skip
    left, overlap, right = np.linalg.svd(factor_x @ factor_y.T, full_matrices=False)
    return (
        _value(difference, factor_x, factor_y, overlap),
        _influence(centred_x, difference, np.square(basis_x @ left) @ overlap),
        _influence(centred_y, -difference, np.square(basis_y @ right.T) @ overlap),
    )


def _value(difference: np.ndarray, factor_x: np.ndarray, factor_y: np.ndarray, overlap: np.ndarray) -> float:
    spread = np.square(factor_x).sum() + np.square(factor_y).sum()
    # Rounding can take the distance of a set to itself a hair below zero.
    return max(0.0, float(difference @ difference + spread - 2 * overlap.sum()))


def _influence(centred: np.ndarray, difference: np.ndarray, transported: np.ndarray) -> np.ndarray:
    n = len(centred)
    raw = 2 * centred @ difference + n / (n - 1) * np.square(centred).sum(axis=1) - n * transported
    return np.asarray(raw - raw.mean())
