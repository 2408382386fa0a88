"""What the sources of two sets contribute to the uncertainty of a distance between the sets.

A source is what is drawn independently: a clip by itself, or all the clips of a track or an instrument. A label
that occurs in both sets (an original and its reconstruction) is one source.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SourceInfluence:
    """How far a distance moves with each source, to first order: `x: [sources of x]`, `y: [sources of y]`.

    A value is the derivative of the distance by the weight of the source, so that the sum of squares is the variance
    of the infinitesimal jackknife (Jaeckel 1972). Each of `x` and `y` sums to 0.
    """

    sources_x: tuple[Hashable, ...]
    sources_y: tuple[Hashable, ...]
    x: np.ndarray
    y: np.ndarray

    @property
    def variance(self) -> float:
        """Of the distance, over draws of sources."""
        return float(sum(variance for variance, _ in self._parts()))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance: Welch (1947) for independent sets."""
        parts = self._parts()
        total = sum(variance for variance, _ in parts)
        if total == 0:
            return float(sum(sources - 1 for _, sources in parts))
        return float(total**2 / sum(variance**2 / (sources - 1) for variance, sources in parts))

    def _parts(self) -> list[tuple[float, int]]:
        """Variance and number of sources of each independent part."""
        if set(self.sources_x).isdisjoint(self.sources_y):
            return [_variance(self.x), _variance(self.y)]
        together = dict(zip(self.sources_x, self.x, strict=True))
        for source, value in zip(self.sources_y, self.y, strict=True):
            together[source] = together.get(source, 0.0) + value
        return [_variance(np.array(list(together.values())))]


def source_influence(
    influence_x: np.ndarray, influence_y: np.ndarray, groups_x: Sequence[Hashable], groups_y: Sequence[Hashable]
) -> SourceInfluence | None:
    """Sum the influences of clips, `[n]` and `[m]` with mean 0, over their sources; None with one source in a set."""
    (sources_x, rows_x), (sources_y, rows_y) = enumerate_sources(groups_x), enumerate_sources(groups_y)
    if min(len(sources_x), len(sources_y)) < 2:
        return None
    x = np.bincount(rows_x, weights=influence_x / len(influence_x))
    y = np.bincount(rows_y, weights=influence_y / len(influence_y))
    return SourceInfluence(sources_x, sources_y, x, y)


def enumerate_sources(groups: Sequence[Hashable]) -> tuple[tuple[Hashable, ...], np.ndarray]:
    """The distinct labels in order of their first clip, and for each clip the position of its label."""
    sources = tuple(dict.fromkeys(groups))
    position = {source: i for i, source in enumerate(sources)}
    return sources, np.array([position[group] for group in groups])


def _variance(influence: np.ndarray) -> tuple[float, int]:
    sources = len(influence)
    return float(np.square(influence).sum() * sources / (sources - 1)), sources
