"""The kernel distance between two sets of embeddings (KID): an unbiased estimate of the squared MMD.

Binkowski et al. (2018), "Demystifying MMD GANs" (arXiv:1801.01401), with their cubic kernel
k(x, y) = (x.y / d + 1)^3. Unlike the Frechet distance its expectation does not depend on the number of clips,
provided that only pairs of independent clips are averaged. So pairs of clips that share a source (a clip with
itself, two windows of a track, a reconstruction and its original) are left out of all three averages.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.errors import FlowshotError
from flowshot.metrics.inputs import require_comparable


@dataclass(frozen=True)
class PairSums:
    """Kernel values and numbers of pairs, summed over the clips of every pair of sources.

    Sources of the first set are rows, of the second columns; where both are one source the entry is 0.
    """

    kernel: np.ndarray
    pairs: np.ndarray

    def mean(self, row_weights: np.ndarray, column_weights: np.ndarray) -> np.ndarray:
        """The weighted mean kernel value for each draw, `row_weights: [draws, rows]`; NaN where no pair is left."""
        total = np.einsum("dr,dr->d", row_weights, column_weights @ self.kernel.T)
        count = np.einsum("dr,dr->d", row_weights, column_weights @ self.pairs.T)
        return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


@dataclass(frozen=True)
class KernelDistance:
    """The kernel of two sets reduced to their sources: enough for the distance and for all its resamples."""

    within_x: PairSums
    within_y: PairSums
    between: PairSums
    sources_x: tuple[Hashable, ...]
    sources_y: tuple[Hashable, ...]

    def value(self, weights_x: np.ndarray | None = None, weights_y: np.ndarray | None = None) -> np.ndarray:
        """The distance for each draw `[draws]`; a draw says how often every source counts, `[draws, sources]`.

        Without weights every source counts once: one draw, the estimate itself.
        """
        if weights_x is None:
            weights_x = np.ones((1, len(self.sources_x)))
        if weights_y is None:
            weights_y = np.ones((1, len(self.sources_y)))
        within = self.within_x.mean(weights_x, weights_x) + self.within_y.mean(weights_y, weights_y)
        return within - 2 * self.between.mean(weights_x, weights_y)


def kernel_distance(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable] | None = None,
    groups_y: Sequence[Hashable] | None = None,
) -> KernelDistance:
    """Compare `x: [n, d]` with `y: [m, d]`; equal labels in the groups name one source, also across the sets.

    Without groups every clip is a source of its own, and the value is the textbook estimate.

    Raises:
        FlowshotError: fewer than 2 rows or sources in a set, differing dimensions, or numbers that are not finite.
    """
    x, y = require_comparable(x, y, "kid")
    # Labels that nothing else can equal.
    groups_x = [("x", i) for i in range(len(x))] if groups_x is None else groups_x
    groups_y = [("y", i) for i in range(len(y))] if groups_y is None else groups_y
    sources_x, sources_y = tuple(dict.fromkeys(groups_x)), tuple(dict.fromkeys(groups_y))
    if min(len(sources_x), len(sources_y)) < 2:
        raise FlowshotError(
            f"kid: needs at least 2 independent sources in each set, found {len(sources_x)} and {len(sources_y)}"
        )
    indicator_x, indicator_y = _indicator(groups_x, sources_x), _indicator(groups_y, sources_y)
    return KernelDistance(
        within_x=_pair_sums(x, x, indicator_x, indicator_x, sources_x, sources_x),
        within_y=_pair_sums(y, y, indicator_y, indicator_y, sources_y, sources_y),
        between=_pair_sums(x, y, indicator_x, indicator_y, sources_x, sources_y),
        sources_x=sources_x,
        sources_y=sources_y,
    )


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """The distance between `x: [n, d]` and `y: [m, d]` of independent clips. Raises as `kernel_distance`."""
    return float(kernel_distance(x, y).value()[0])


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / d + 1)^3 for all pairs of rows, `[n, m]`."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _indicator(groups: Sequence[Hashable], sources: Sequence[Hashable]) -> np.ndarray:
    position = {source: row for row, source in enumerate(sources)}
    return np.array([position[group] for group in groups])


def _pair_sums(
    x: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    sources_x: Sequence[Hashable],
    sources_y: Sequence[Hashable],
) -> PairSums:
    kernel = _sum_rows(_sum_rows(polynomial_kernel(x, y), rows, len(sources_x)).T, columns, len(sources_y)).T
    pairs = np.outer(np.bincount(rows), np.bincount(columns)).astype(np.float64)
    column_of = {source: column for column, source in enumerate(sources_y)}
    for row, source in enumerate(sources_x):
        if source in column_of:
            kernel[row, column_of[source]] = pairs[row, column_of[source]] = 0.0
    return PairSums(kernel, pairs)


def _sum_rows(values: np.ndarray, row_of: np.ndarray, rows: int) -> np.ndarray:
    """Rows of `values` added up into `rows` rows, the i-th going to `row_of[i]`."""
    if rows == len(values):  # every clip is its own source, in order
        return values
    summed = np.zeros((rows, values.shape[1]))
    np.add.at(summed, row_of, values)
    return summed
