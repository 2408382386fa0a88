"""Kernel distances between two sets of embeddings: unbiased estimates of the squared MMD, KID and KAD.

KID: Binkowski et al. (2018), "Demystifying MMD GANs" (arXiv:1801.01401), with their cubic kernel
k(x, y) = (x.y / d + 1)^3. KAD: Chung et al. (2025), "KAD: No more FAD!" (arXiv:2502.15602), with a Gaussian kernel as
wide as the median distance within the reference. Unlike the Frechet distance their expectations do not depend on the
number of clips, provided that only pairs of independent clips are averaged. So pairs of clips that share a source (a
clip with itself, two windows of a track, a reconstruction and its original) are left out of all three averages.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.sources import SourceInfluence, enumerate_sources, require_comparable

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class KernelDistance:
    """The distance of two sets, and what each source contributes to its uncertainty."""

    value: float
    influence: SourceInfluence


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 for all pairs of rows, `[n, m]`."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable] | None = None,
    groups_y: Sequence[Hashable] | None = None,
    kernel: Kernel = polynomial_kernel,
) -> KernelDistance:
    """Compare `x: [n, d]` with `y: [m, d]`; equal labels in the groups name one source, also across the sets.

    Without groups every clip is a source of its own, and the value is the textbook estimate. The kernel is that of
    KID unless another is given.

    Raises:
        FlowshotError: fewer than 2 rows or sources in a set, differing dimensions, or numbers that are not finite.
    """
    x, y = require_comparable(x, y, "kernel distance")
    groups_x = groups_x or [("x", i) for i in range(len(x))]
    groups_y = groups_y or [("y", i) for i in range(len(y))]
    (sources_x, rows_x), (sources_y, rows_y) = enumerate_sources(groups_x), enumerate_sources(groups_y)
    if min(len(sources_x), len(sources_y)) < 2:
        found = f"found {len(sources_x)} and {len(sources_y)}"
        raise FlowshotError(f"kernel distance: needs at least 2 independent sources in each set, {found}")
    within_x, slope_x, _ = _pair_mean(kernel(x, x), rows_x, rows_x, _shared_places(sources_x, sources_x))
    within_y, slope_y, _ = _pair_mean(kernel(y, y), rows_y, rows_y, _shared_places(sources_y, sources_y))
    between, cross_x, cross_y = _pair_mean(kernel(x, y), rows_x, rows_y, _shared_places(sources_x, sources_y))
    # The kernel of a set with itself depends on the weight of a source twice.
    influence = SourceInfluence(sources_x, sources_y, 2 * (slope_x - cross_x), 2 * (slope_y - cross_y))
    return KernelDistance(within_x + within_y - 2 * between, influence)


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """The distance between `x: [n, d]` and `y: [m, d]` of independent clips. Raises as `kernel_distance`."""
    return kernel_distance(x, y).value


def gaussian_kernel(bandwidth: float) -> Kernel:
    """exp(-|x - y|^2 / (2 bandwidth^2)) for all pairs of rows, `[n, m]`.

    A bandwidth of 0, of a reference whose clips are all alike, tells only equal rows from others.
    """

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squared = squared_distances(x, y)
        if bandwidth == 0:
            return (squared == 0).astype(np.float64)
        return np.asarray(np.exp(-squared / (2 * bandwidth**2)))

    return kernel


def median_distance(x: np.ndarray) -> float:
    """The median Euclidean distance of two rows of `x: [n, d]`; 0 where all are equal.

    Equal rows do not count where they are most of the pairs (a set that is largely silent): the width is for the rest.
    """
    squared = squared_distances(x, x)[np.triu_indices(len(x), 1)]
    median = np.median(squared)
    if median == 0 and squared.any():
        median = np.median(squared[squared > 0])
    return float(np.sqrt(median))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|x_i - y_j|^2 for all pairs of rows, `[n, m]`; exactly 0 for equal rows."""
    # Distances do not depend on the origin, but their rounding errors do: from the mean they are smallest.
    origin = y.mean(axis=0)
    same = x is y
    x, y = x - origin, y - origin
    lengths = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)
    squared = lengths - 2 * x @ y.T
    if same:
        np.fill_diagonal(squared, 0.0)
    # Less than the rounding of the three terms is nothing: equal rows are at distance 0 wherever they stand.
    squared[squared <= x.shape[1] * np.finfo(np.float64).eps * lengths] = 0.0
    return squared


def _pair_mean(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shared: tuple[list[int], list[int]]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The mean of `values: [n, m]` over pairs of clips of different sources.

    `rows: [n]` and `columns: [m]` number the source of each clip, `shared` are the numbers of sources that are
    one. Returns the derivatives of the mean by the weights of the sources of the rows and of the columns as well.
    """
    kernel = _sum_rows(_sum_rows(values, rows).T, columns).T.copy()
    pairs = np.outer(np.bincount(rows), np.bincount(columns)).astype(np.float64)
    kernel[shared] = pairs[shared] = 0.0
    count = pairs.sum()
    mean = kernel.sum() / count
    excess = (kernel - mean * pairs) / count
    return float(mean), excess.sum(axis=1), excess.sum(axis=0)


def _shared_places(sources_x: Sequence[Hashable], sources_y: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """The places, in both, of every source that occurs in both."""
    place = {source: i for i, source in enumerate(sources_y)}
    shared = [i for i, source in enumerate(sources_x) if source in place]
    return shared, [place[sources_x[i]] for i in shared]


def _sum_rows(values: np.ndarray, row_of: np.ndarray) -> np.ndarray:
    """Rows of `values` summed by source, `[sources, m]`; `row_of` numbers the source of each row."""
    if row_of.max() + 1 == len(values):  # every clip is a source of its own, in order
        return values
    order = np.argsort(row_of, kind="stable")
    first = np.flatnonzero(np.diff(row_of[order], prepend=-1))
    return np.asarray(np.add.reduceat(values[order], first, axis=0))
