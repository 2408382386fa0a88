"""Kernel distances between two sets of embeddings: unbiased estimates of the squared MMD, KID and KAD.

KID: Binkowski et al. (2018), "Demystifying MMD GANs" (arXiv:1801.01401), with their cubic kernel
k(x, y) = (x.y / d + 1)^3. KAD: Chung et al. (2025), "KAD: No more FAD!" (arXiv:2502.15602), with a Gaussian kernel as
wide as the median distance within the reference. Unlike the Frechet distance their expectations do not depend on the
number of clips, provided that only pairs of independent clips are averaged. So pairs of clips that share a source (a
clip with itself, two windows of a track, a reconstruction and its original) are left out of all three averages.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flowshot.scoring.metrics.sources import SourceInfluence, enumerate_sources

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]

LEAST = 0.4  # see `flowshot.scoring.metrics.paired.Distance`


@dataclass(frozen=True)
class KernelDistance:
    """Kernel values summed over the clips of every pair of sources, `[sources, sources]`, and the sources' sizes.

    `within_x`, `within_y` and `between` are all that the distance, its uncertainty and its test need.
    """

    within_x: np.ndarray
    within_y: np.ndarray
    between: np.ndarray
    sizes_x: np.ndarray
    sizes_y: np.ndarray
    sources_x: tuple[Hashable, ...]
    sources_y: tuple[Hashable, ...]

    @property
    def value(self) -> float:
        """The distance, every clip counted once."""
        return self._estimate[0]

    @property
    def influence(self) -> SourceInfluence:
        """What each source contributes to the uncertainty of the distance."""
        return self._estimate[1]

    @cached_property
    def pairs(self) -> tuple[float, float]:
        """The variance from pairs of candidates, and from pairs of a candidate and a source of the reference.

        The jackknife counts both twice: an influence has half of every pair, centred, so the squares of the influences
        of both have it twice (Efron and Stein 1981, "The jackknife estimate of variance"). Near distance 0 that is all
        there is. Sets that share sources have pairs that vary together; nothing is said of them.
        """
        if not set(self.sources_x).isdisjoint(self.sources_y):
            return 0.0, 0.0
        within = _centred(self.within_x, self.sizes_x, self.sizes_x)
        between = _centred(self.between, self.sizes_x, self.sizes_y)
        of_candidates = np.square(within).sum() - np.square(np.diag(within)).sum()
        return float(2 * of_candidates), float(4 * np.square(between).sum())

    @cached_property
    def _estimate(self) -> tuple[float, SourceInfluence]:
        own_x, own_y = (np.diag_indices(len(each)) for each in (self.sizes_x, self.sizes_y))
        place = {source: i for i, source in enumerate(self.sources_y)}
        shared = [i for i, source in enumerate(self.sources_x) if source in place]
        both = (shared, [place[self.sources_x[i]] for i in shared])
        within_x, slope_x, _ = _pair_mean(self.within_x, self.sizes_x, self.sizes_x, own_x)
        within_y, slope_y, _ = _pair_mean(self.within_y, self.sizes_y, self.sizes_y, own_y)
        between, cross_x, cross_y = _pair_mean(self.between, self.sizes_x, self.sizes_y, both)
        # The kernel of a set with itself depends on the weight of a source twice.
        slopes = 2 * (slope_x - cross_x), 2 * (slope_y - cross_y)
        return within_x + within_y - 2 * between, SourceInfluence(self.sources_x, self.sources_y, *slopes)


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 for all pairs of rows, `[n, m]`."""
    values = x @ y.T
    values /= x.shape[1]
    values += 1
    cubes = values * values  # far faster than a power
    cubes *= values
    return np.asarray(cubes)


def kernel_distance(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable] | None = None,
    groups_y: Sequence[Hashable] | None = None,
    kernel: Kernel = polynomial_kernel,
) -> KernelDistance:
    """Compare `x: [n, d]` with `y: [m, d]`; equal labels in the groups name one source, also across the sets.

    Without groups every clip is a source of its own, and the value is the textbook estimate. A set needs 2 sources.
    """
    groups_x = groups_x or [("x", i) for i in range(len(x))]
    groups_y = groups_y or [("y", i) for i in range(len(y))]
    (sources_x, rows_x), (sources_y, rows_y) = enumerate_sources(groups_x), enumerate_sources(groups_y)
    return KernelDistance(
        sum_blocks(kernel(x, x), rows_x, rows_x),
        sum_blocks(kernel(y, y), rows_y, rows_y),
        sum_blocks(kernel(x, y), rows_x, rows_y),
        np.bincount(rows_x),
        np.bincount(rows_y),
        sources_x,
        sources_y,
    )


def gaussian_kernel(bandwidth: float) -> Kernel:
    """exp(-|x - y|^2 / (2 bandwidth^2)) for all pairs of rows, `[n, m]`.

    A bandwidth of 0, of a reference whose clips are all alike, tells only equal rows from others.
    """

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        values = squared_distances(x, y)
        if bandwidth == 0:
            return (values == 0).astype(np.float64)
        values /= -2 * bandwidth**2
        return np.asarray(np.exp(values, out=values))

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
    y = y - origin
    x = y if same else x - origin  # one array times itself takes half the time
    of_x, of_y = np.einsum("nd,nd->n", x, x)[:, None], np.einsum("nd,nd->n", y, y)
    # Less than the rounding of the three terms is nothing: equal rows are at distance 0 wherever they stand.
    rounding = x.shape[1] * np.finfo(np.float64).eps
    squared = x @ y.T
    squared *= -2
    squared += (1 - rounding) * (of_x + of_y)
    np.maximum(squared, 0.0, out=squared)
    if same:
        np.fill_diagonal(squared, 0.0)
    return squared


def sum_blocks(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """`values: [n, m]` summed by the numbers of rows and columns, `[n]` and `[m]`, from 0 without gaps.

    Numbers that are all different must be in order.
    """
    for numbers in (rows, columns):  # one axis after the other
        if numbers.max() + 1 < len(numbers):
            order = np.argsort(numbers, kind="stable")
            values = np.add.reduceat(values[order], np.flatnonzero(np.diff(numbers[order], prepend=-1)), axis=0)
        values = values.T
    return values


def _centred(sums: np.ndarray, sizes_x: np.ndarray, sizes_y: np.ndarray) -> np.ndarray:
    """Products of sources around the means of their sets, each over the number of clips of its set."""
    n, m = sizes_x.sum(), sizes_y.sum()
    rows, columns = sums.sum(axis=1) / m, sums.sum(axis=0) / n
    centre = np.outer(sizes_x, columns - rows.sum() / n * sizes_y) + np.outer(rows, sizes_y)
    return np.asarray((sums - centre) / (n * m))


def _pair_mean(
    sums: np.ndarray, sizes_x: np.ndarray, sizes_y: np.ndarray, same: tuple[Any, ...]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The mean over pairs of clips of different sources, and its derivatives by the weights of rows and columns."""
    kernel, pairs = sums.copy(), np.outer(sizes_x, sizes_y).astype(np.float64)
    kernel[same] = pairs[same] = 0.0
    count = pairs.sum()
    mean = kernel.sum() / count
    excess = (kernel - mean * pairs) / count
    return float(mean), excess.sum(axis=1), excess.sum(axis=0)
