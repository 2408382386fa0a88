"""Could two sets be draws from one distribution? A test of their kernel distance by resampled sources.

A permutation test exchanges clips between the sets, which only independent clips allow. Real clips come in sources of
uneven size, and a model that learned them draws from large sources more often: one clip of each source would follow
another distribution, and a perfect model would be rejected. So sources stay whole here, with all of their clips.

Each source contributes a vector to the mean of its set in the kernel's space: the sum of what its clips differ from
that mean, over the number of clips of the set. The statistic is the squared distance of the two means, over the sum of
the squared lengths of these vectors, which estimates its expectation under the hypothesis. It is compared with the same
ratio of sources that are drawn with replacement: the vectors times (drawn - 1), and their squared lengths times drawn.

Dividing by the estimate matters where large sources sound different: a set that has too few of them is far from the
other and underestimates by how much it might be, and resampled sets repeat both (the bootstrap-t: Hall 1992, "The
Bootstrap and Edgeworth Expansion", 3.3). Random signs of the vectors miss that, and reject a perfect model in 9 %
there instead of 5 % (reports/checks/coverage.md). With few sources only small p-values are exact: of 30, in one case
30 % lie below 0.2.
"""

import numpy as np

from flowshot.scoring.metrics.kernel import KernelDistance, sum_blocks

# More sources than this are merged at random: sums of independent sources are as independent, and cheaper.
MOST_UNITS = 400


def null_p_value(distance: KernelDistance, resamples: int, generator: np.random.Generator) -> float:
    """The fraction of resampled statistics that reach that of the sets, which counts as one of them.

    The sets must not share sources, and the kernel must be bounded: under the cubic kernel of KID, a perfect
    model whose embeddings have heavy tails is rejected in 0.2 to 4 %.
    """
    sets = (distance.sizes_x, distance.sizes_y)
    units = [_units(len(sizes), generator) for sizes in sets]
    between = sum_blocks(distance.between, *units)
    within = [sum_blocks(each, u, u) for each, u in zip((distance.within_x, distance.within_y), units, strict=True)]
    n, m = (sizes.sum() for sizes in sets)
    products = np.block([[within[0] / (n * n), -between / (n * m)], [-between.T / (n * m), within[1] / (m * m)]])
    apart = products.sum()
    shares = [np.bincount(u, weights=sizes) / sizes.sum() for u, sizes in zip(units, sets, strict=True)]
    centre = np.eye(len(products))
    first = slice(0, len(shares[0]))
    second = slice(len(shares[0]), len(products))
    for part, share in zip((first, second), shares, strict=True):
        centre[part, part] -= share[:, None]
    centred = centre @ products @ centre.T
    lengths = np.diag(centred)
    drawn = np.concatenate([_counts(len(share), resamples, generator) for share in shares], axis=1)
    resampled = np.einsum("ru,ru->r", (drawn - 1) @ centred, drawn - 1)
    # Two sums of the same numbers in another order differ by rounding, which must not decide.
    rounding = 1e-9 * np.abs(products).max()
    if lengths.sum() <= rounding:  # within each set all clips are alike
        return 1.0 if apart <= rounding else 1 / (1 + resamples)
    reached = resampled * lengths.sum() >= (apart - rounding) * (drawn @ lengths)
    return float((1 + reached.sum()) / (1 + resamples))


def _units(sources: int, generator: np.random.Generator) -> np.ndarray:
    """The unit of each source."""
    return np.arange(sources) if sources <= MOST_UNITS else generator.permutation(sources) % MOST_UNITS


def _counts(units: int, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each unit is drawn where as many are drawn as there are, `[resamples, units]`."""
    return generator.multinomial(units, np.full(units, 1 / units), size=resamples).astype(np.float64)
