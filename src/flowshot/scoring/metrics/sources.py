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
        return float(sum(np.square(part).sum() for part in self._parts()))

    @property
    def candidate_variance(self) -> float:
        """Of the distance, over draws of the sources of the first set alone."""
        return _sum_of_squares(self.x)

    def paired_variance(self, other: "SourceInfluence") -> float:
        """Of the difference from another distance with the same reference, over draws of the sources of that."""
        return _sum_of_squares(self.y - other.y)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance: Satterthwaite (1946), 2 variance^2 over the variance of the variance.

        That follows from the fourth powers. Where a few sources make most of the variance, as with a distance of
        squares, it is known far less well than the number of sources suggests.
        """
        parts = self._parts()
        uncertainty = sum(float((part**4).sum() - np.square(part).sum() ** 2 / len(part)) for part in parts)
        most = float(sum(len(part) - 1 for part in parts))
        return most if uncertainty <= 0 else min(max(2 * self.variance**2 / uncertainty, 1.0), most)

    @property
    def error(self) -> tuple[float, float]:
        """Standard error and degrees of freedom."""
        return float(np.sqrt(self.variance)), self.freedom

    def _parts(self) -> list[np.ndarray]:
        """The influences of each independent part, scaled for the mean that was taken from them."""
        parts = [self.x, self.y]
        if not set(self.sources_x).isdisjoint(self.sources_y):
            moved = dict(zip(self.sources_x, self.x, strict=True))
            for source, value in zip(self.sources_y, self.y, strict=True):
                moved[source] = moved.get(source, 0.0) + value
            parts = [np.array(list(moved.values()))]
        return [part * np.sqrt(len(part) / (len(part) - 1)) for part in parts]


def _sum_of_squares(part: np.ndarray) -> float:
    """Scaled for the mean that was taken from the influences."""
    return len(part) / (len(part) - 1) * float(np.square(part).sum())


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
