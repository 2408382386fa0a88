"""The uncertainty of a statistic of two sets: a jackknife over independent sources, never over clips.

Labels name sources. A label that both sets hold (an original and its reconstruction) is one source and is left out of
both sets together; otherwise the two sets vary independently.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np

Groups = Sequence[Hashable]
TwoSampleStatistic = Callable[[np.ndarray, np.ndarray], float]


def assign_folds(groups: Groups, folds: int, generator: np.random.Generator) -> dict[Hashable, int]:
    """The fold of every source: at random, but with about equally many clips in each fold.

    There are as many folds as sources where these are fewer than `folds`.
    """
    sizes = Counter(groups)
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
    folds of unequal size a bias of order 1/n does not pass for variance.
    """
    size_ratio = 1 / (1 - kept)  # n / m_j
    pseudovalues = size_ratio * value - (size_ratio - 1) * deleted
    centre = len(deleted) * value - (kept * deleted).sum()
    return float(np.mean(np.square(pseudovalues - centre) / (size_ratio - 1)))


def two_sample_jackknife(
    statistic: TwoSampleStatistic,
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Groups,
    groups_y: Groups,
    folds: int,
    generator: np.random.Generator,
) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of `statistic(x, y)`, or None where a set has fewer than 2 folds.

    Two independent sets are jackknifed one after the other and their variances added, with the degrees of freedom
    of Welch (1947); sets that share sources lose the same fold of sources together.
    """
    value = statistic(x, y)
    shared = not set(groups_x).isdisjoint(groups_y)
    fold_of = assign_folds([*groups_x, *groups_y] if shared else groups_x, folds, generator)
    fold_x = np.array([fold_of[group] for group in groups_x])
    fold_of = fold_of if shared else assign_folds(groups_y, folds, generator)
    fold_y = np.array([fold_of[group] for group in groups_y])
    if shared:
        return _combine(_delete_folds(lambda a, b: statistic(x[a], y[b]), value, fold_x, fold_y))
    return _combine(
        _delete_folds(lambda a, _: statistic(x[a], y), value, fold_x, fold_x),
        _delete_folds(lambda _, b: statistic(x, y[b]), value, fold_y, fold_y),
    )


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


def _combine(*parts: tuple[float, int] | None) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of a sum of independent variances; None where one is unknown."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    variance = sum(part for part, _ in known)
    if variance == 0:
        return 0.0, float(sum(folds - 1 for _, folds in known))
    freedom = variance**2 / sum(part**2 / (folds - 1) for part, folds in known)
    return float(np.sqrt(variance)), float(freedom)
