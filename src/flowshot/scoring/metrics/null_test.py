"""Could two sets be draws from one distribution? A test of their kernel distance by signs of whole sources.

A permutation test exchanges clips between the sets, which only independent clips allow. Real clips come in sources of
uneven size, and a model that learned them draws from large sources more often: one clip of each source would follow
another distribution, and a perfect model would be rejected. So sources stay whole here, with all of their clips.

Each source contributes a vector to the difference of the two means in the kernel's space: the sum of what its clips
differ from the common mean, over the number of clips of its set. If both sets follow one distribution, these vectors
are independent and lie around 0. The statistic is the squared length of their sum without the terms of a source with
itself, an unbiased estimate of the squared MMD; it is compared with that of vectors whose signs are drawn (the wild
bootstrap: Wu 1986, "Jackknife, bootstrap and other resampling methods"; with the hypothesis imposed and over clusters,
Cameron, Gelbach and Miller 2008, "Bootstrap-based improvements for inference with clustered errors"). That is exact
if the vectors are symmetric around 0, and becomes exact with more sources otherwise (reports/checks/coverage.md).
"""

import numpy as np

from flowshot.scoring.metrics.kernel import KernelDistance, sum_blocks

# More sources than this are merged at random: sums of independent sources are as independent, and cheaper.
MOST_UNITS = 400


def null_p_value(distance: KernelDistance, resamples: int, generator: np.random.Generator) -> float:
    """The fraction of draws of signs whose statistic is at least that of the sets, which counts as one of them."""
    sets = (distance.sizes_x, distance.sizes_y)
    units = [_units(len(sizes), generator) for sizes in sets]
    between = sum_blocks(distance.between, *units)
    within = [sum_blocks(each, u, u) for each, u in zip((distance.within_x, distance.within_y), units, strict=True)]
    n, m = (sizes.sum() for sizes in sets)
    products = np.block([[within[0] / (n * n), -between / (n * m)], [-between.T / (n * m), within[1] / (m * m)]])
    # What part of the difference is each unit's, and how much the common mean leans on each set: more on the surer one.
    shares = [np.bincount(u, weights=sizes) / sizes.sum() for u, sizes in zip(units, sets, strict=True)]
    spread = [np.square(share).sum() for share in shares]
    weights = [np.full(len(share), other / sum(spread)) for share, other in zip(shares, spread[::-1], strict=True)]
    share, mean = np.concatenate(shares), np.concatenate([-weights[0], weights[1]])
    centre = np.eye(len(products)) - np.outer(np.concatenate([-shares[0], shares[1]]), mean)
    centred = centre @ products @ centre.T
    np.fill_diagonal(centred, 0.0)
    observed = centred.sum()
    signs = generator.choice([-1.0, 1.0], size=(resamples, len(share)))
    # Two sums of the same numbers in another order differ by rounding, which must not decide.
    reached = np.einsum("ru,ru->r", signs @ centred, signs) >= observed - 1e-9 * np.abs(products).max()
    return float((1 + reached.sum()) / (1 + resamples))


def _units(sources: int, generator: np.random.Generator) -> np.ndarray:
    """The unit of each source."""
    return np.arange(sources) if sources <= MOST_UNITS else generator.permutation(sources) % MOST_UNITS
