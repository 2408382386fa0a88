"""How sure a distance between two sets is: jackknife and bootstrap over independent sources, never over clips.

Labels name sources. A label that both sets hold (an original and its reconstruction) is one source, so it is
left out of, or drawn for, both sets together; otherwise the two sets vary independently.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from flowshot.metrics.kernel import KernelDistance

# With fewer sources a bootstrap repeats so few different draws that its interval would be too narrow by far.
FEWEST_BOOTSTRAP_SOURCES = 5

TwoSampleStatistic = Callable[[np.ndarray, np.ndarray], float]


def assign_folds(groups: Sequence[Hashable], folds: int, generator: np.random.Generator) -> dict[Hashable, int]:
    """The fold of every source: at random, but such that the folds hold about equally many clips.

    There are as many folds as sources where these are fewer than `folds`.
    """
    sizes: dict[Hashable, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    sources = list(sizes)
    shuffled = [sources[i] for i in generator.permutation(len(sources))]
    filled = np.zeros(min(folds, len(sources)), dtype=int)
    fold_of: dict[Hashable, int] = {}
    for source in sorted(shuffled, key=lambda source: -sizes[source]):
        fold_of[source] = int(filled.argmin())
        filled[fold_of[source]] += sizes[source]
    return fold_of


def jackknife_variance(value: float, deleted: np.ndarray, kept: np.ndarray) -> float:
    """The variance of a statistic from its values with one fold deleted at a time.

    `deleted: [folds]` are those values and `kept: [folds]` the fraction of the clips that each rests on. This is
    the delete-m_j jackknife of Busing, Meijer and van der Leeden (1999), "Delete-m jackknife for unequal m": with
    folds of unequal size a bias of order 1/n, which the Frechet distance has, does not pass for variance.
    """
    size_ratio = 1 / (1 - kept)  # n / m_j
    pseudovalues = size_ratio * value - (size_ratio - 1) * deleted
    centre = len(deleted) * value - (kept * deleted).sum()
    return float(np.mean(np.square(pseudovalues - centre) / (size_ratio - 1)))


def two_sample_jackknife(
    statistic: TwoSampleStatistic,
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    folds: int,
    generator: np.random.Generator,
) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of `statistic(x, y)`, or None where a set has fewer than 2 folds.

    Two independent sets are jackknifed one after the other and their variances added, with the degrees of freedom
    of Welch (1947); sets that share sources lose the same fold of sources together.
    """
    value = statistic(x, y)
    if not set(groups_x).isdisjoint(groups_y):
        fold_of = assign_folds([*groups_x, *groups_y], folds, generator)
        fold_x, fold_y = _folds(groups_x, fold_of), _folds(groups_y, fold_of)
        return _combine([_delete_folds(lambda a, b: statistic(x[a], y[b]), value, fold_x, fold_y)])
    fold_x = _folds(groups_x, assign_folds(groups_x, folds, generator))
    fold_y = _folds(groups_y, assign_folds(groups_y, folds, generator))
    return _combine(
        [
            _delete_folds(lambda a, _: statistic(x[a], y), value, fold_x, fold_x),
            _delete_folds(lambda _, b: statistic(x, y[b]), value, fold_y, fold_y),
        ]
    )


def bootstrap_kernel_distance(
    distance: KernelDistance, resamples: int, confidence: float, generator: np.random.Generator
) -> tuple[float, float] | None:
    """Percentile interval of a kernel distance over resampled sources, or None with fewer than 5 sources in a set.

    A source drawn twice counts twice, but never in a pair with itself: such pairs would move every resample away
    from the estimate. Draws that leave a set without a pair are not counted.
    """
    if min(len(distance.sources_x), len(distance.sources_y)) < FEWEST_BOOTSTRAP_SOURCES:
        return None
    shared = set(distance.sources_x) & set(distance.sources_y)
    weights_x, weights_y = (np.zeros((resamples, len(sources))) for sources in (distance.sources_x, distance.sources_y))
    only_x = [i for i, source in enumerate(distance.sources_x) if source not in shared]
    only_y = [i for i, source in enumerate(distance.sources_y) if source not in shared]
    weights_x[:, only_x] = _draws(len(only_x), resamples, generator)
    weights_y[:, only_y] = _draws(len(only_y), resamples, generator)
    both = sorted(shared, key=distance.sources_x.index)
    drawn = _draws(len(both), resamples, generator)
    weights_x[:, [distance.sources_x.index(source) for source in both]] = drawn
    weights_y[:, [distance.sources_y.index(source) for source in both]] = drawn
    values = distance.value(weights_x, weights_y)
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return float(low), float(high)


def mean_standard_error(values: np.ndarray, groups: Sequence[Hashable]) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of the mean of `values: [n]`, or None with fewer than 2 sources.

    The values of one source may depend on each other: Cochran (1977), "Sampling techniques", eq. 6.13, the
    variance of a ratio of two totals over clusters.
    """
    sources = list(dict.fromkeys(groups))
    if len(sources) < 2:
        return None
    position = {source: i for i, source in enumerate(sources)}
    residuals = np.bincount([position[group] for group in groups], weights=values - values.mean())
    factor = len(sources) / (len(sources) - 1)
    return float(np.sqrt(factor * np.square(residuals).sum()) / len(values)), float(len(sources) - 1)


def student_interval(
    value: float, error: tuple[float, float] | None, confidence: float
) -> tuple[float, float] | tuple[None, None]:
    """The interval that a standard error with its degrees of freedom gives; None twice where there is none."""
    if error is None:
        return None, None
    # Imported here: it takes half a second, and metrics are usable without scipy.
    from scipy.special import stdtrit

    standard_error, freedom = error
    margin = float(stdtrit(freedom, 0.5 + confidence / 2)) * standard_error
    return value - margin, value + margin


def _draws(sources: int, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each of `sources` is drawn when as many are drawn with replacement, `[resamples, sources]`."""
    if sources == 0:
        return np.zeros((resamples, 0))
    return generator.multinomial(sources, np.full(sources, 1 / sources), size=resamples).astype(np.float64)


def _folds(groups: Sequence[Hashable], fold_of: dict[Hashable, int]) -> np.ndarray:
    return np.array([fold_of[group] for group in groups])


def _delete_folds(
    statistic: TwoSampleStatistic, value: float, fold_x: np.ndarray, fold_y: np.ndarray
) -> tuple[float, int] | None:
    """Variance and number of folds; the statistic gets the kept clips of both sets as masks."""
    folds = int(max(fold_x.max(), fold_y.max())) + 1
    masks = [(fold_x != fold, fold_y != fold) for fold in range(folds)]
    if folds < 2 or min(min(a.sum(), b.sum()) for a, b in masks) < 2:
        return None
    deleted = np.array([statistic(a, b) for a, b in masks])
    kept = np.array([(a.sum() + b.sum()) / (len(a) + len(b)) for a, b in masks])
    return jackknife_variance(value, deleted, kept), folds


def _combine(parts: list[tuple[float, int] | None]) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of a sum of independent variances."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    variance = sum(part for part, _ in known)
    if variance == 0:
        return 0.0, float(sum(folds - 1 for _, folds in known))
    freedom = variance**2 / sum(part**2 / (folds - 1) for part, folds in known)
    return float(np.sqrt(variance)), float(freedom)
