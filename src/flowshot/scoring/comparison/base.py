"""Two sets in one embedding, and what the metrics that compare them share."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import student_interval
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.frechet_estimate import FrechetEstimate, estimate_frechet
from flowshot.scoring.metrics.kernel import (
    Kernel,
    KernelDistance,
    gaussian_kernel,
    kernel_distance,
    median_distance,
    polynomial_kernel,
)
from flowshot.scoring.metrics.neighbours import Nearest, NearestTraining, distances
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.metrics.sources import source_influence
from flowshot.scoring.metrics.tails import HEAVY, tail_weight


class Undefined(Exception):
    """Why a metric has no value for these sets."""


@dataclass(frozen=True)
class EmbeddedSets:
    """Two sets in one embedding: `candidate: [n, d]` and `reference: [m, d]`, with the source of each clip.

    `nearest` are the nearest training clips of both sets, where a model's training clips are known; the classes are
    class scores `[n, classes]` and `[m, classes]`, where the embedding has some. The names of candidates and training
    clips are needed with `nearest`; others are optional. `reference_kinds` are the kinds of sound of the reference,
    where they are known.
    """

    embedding: str
    candidate: np.ndarray
    reference: np.ndarray
    candidate_groups: Sequence[Hashable]
    reference_groups: Sequence[Hashable]
    nearest: tuple[NearestTraining, NearestTraining] | None = None
    candidate_classes: np.ndarray | None = None
    reference_classes: np.ndarray | None = None
    candidate_names: Sequence[str] = ()
    reference_names: Sequence[str] = ()
    training_names: Sequence[str] = ()
    reference_kinds: Sequence[str] = ()

    @property
    def independent(self) -> bool | None:
        """True where every clip is a source of its own; None otherwise."""
        groups = [*self.candidate_groups, *self.reference_groups]
        return True if len(set(groups)) == len(groups) else None

    def at(self, candidate: np.ndarray, reference: np.ndarray) -> "EmbeddedSets":
        """The clips at these rows of both sets."""
        x, y, nearest = self.candidate_classes, self.reference_classes, self.nearest
        return replace(
            self,
            candidate=self.candidate[candidate],
            reference=self.reference[reference],
            candidate_groups=[self.candidate_groups[row] for row in candidate],
            reference_groups=[self.reference_groups[row] for row in reference],
            candidate_classes=None if x is None else x[candidate],
            reference_classes=None if y is None else y[reference],
            nearest=None if nearest is None else (nearest[0].at(candidate), nearest[1].at(reference)),
            candidate_names=[self.candidate_names[row] for row in candidate] if self.candidate_names else (),
            reference_names=[self.reference_names[row] for row in reference] if self.reference_names else (),
            reference_kinds=[self.reference_kinds[row] for row in reference] if self.reference_kinds else (),
        )


class Comparison:
    """What several metrics of two sets share, computed once."""

    def __init__(self, sets: EmbeddedSets, config: ScoreConfig, draws: Callable[[str], np.random.Generator]) -> None:
        """`draws` gives the generator of a metric by its name.

        Raises:
            FlowshotError: fewer than 2 clips in a set, differing dimensions, or a number that is not finite.
        """
        candidate, reference = _checked(sets.candidate, sets.reference, sets.embedding)
        self.sets = replace(sets, candidate=candidate, reference=reference)
        self.config, self.draws = config, draws
        self.groups = (list(sets.candidate_groups), list(sets.reference_groups))

    @cached_property
    def frechet(self) -> FrechetEstimate:
        """The Frechet distance and its limit."""
        sets, config = self.sets, self.config
        return estimate_frechet(
            sets.candidate, sets.reference, *self.groups, config.splits, config.confidence, self.draws("fad")
        )

    @cached_property
    def heavy_tails(self) -> float | None:
        """The tail weight of the set with the heavier tails where it is too much for FAD and KID; None where not."""
        weight = max(tail_weight(self.sets.candidate), tail_weight(self.sets.reference))
        return weight if weight > HEAVY else None

    @cached_property
    def cubic(self) -> KernelDistance:
        """The distance under the cubic kernel, for KID."""
        return self._kernel_distance(polynomial_kernel)

    @cached_property
    def gaussian(self) -> KernelDistance:
        """The distance under the Gaussian kernel, for KAD."""
        return self._kernel_distance(gaussian_kernel(median_distance(self.sets.reference)))

    def _kernel_distance(self, kernel: Kernel) -> KernelDistance:
        """Clips count as independent where a set has one source only."""
        x, y = self.groups if min(map(len, map(set, self.groups))) > 1 else (None, None)
        return kernel_distance(self.sets.candidate, self.sets.reference, x, y, kernel)

    @cached_property
    def within(self) -> tuple[Nearest, Nearest]:
        """Distances within the candidates `[n, n]` and within the reference `[m, m]`."""
        candidate, reference = self.sets.candidate, self.sets.reference
        return Nearest(_single(candidate, candidate)), Nearest(_single(reference, reference))

    @cached_property
    def between(self) -> np.ndarray:
        """Distances from candidates to the reference, `[n, m]`."""
        return _single(self.sets.candidate, self.sets.reference)

    def score(
        self,
        metric: str,
        value: float,
        interval: tuple[float | None, float | None] | None,
        least: float = -np.inf,
        details: Mapping[str, Any] | None = None,
    ) -> Score:
        """A score of these sets, with an interval that does not reach below `least`; None where there is none."""
        low, high = interval or (None, None)
        low = None if low is None else max(low, least)
        return Score(metric, self.sets.embedding, value, low, high, len(self.sets.candidate), details or {})

    def linear_score(self, metric: str, value: float, influence_x: np.ndarray, influence_y: np.ndarray) -> Score:
        """A score not below 0 whose interval is that of the clips' influences, `[n]` and `[m]` with mean 0."""
        influence = source_influence(influence_x, influence_y, *self.groups)
        error = None if influence is None else influence.error
        return self.score(metric, value, student_interval(value, error, self.config.confidence), 0.0)


def _checked(x: np.ndarray, y: np.ndarray, embedding: str) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as float64; the metrics trust them from here on."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise FlowshotError(
            f"{embedding}: the sets must be [n, d] and [m, d] with one d, found {x.shape} and {y.shape}"
        )
    if min(len(x), len(y)) < 2:
        raise FlowshotError(f"{embedding}: needs at least 2 clips in each set, found {len(x)} and {len(y)}; add clips")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise FlowshotError(f"{embedding}: an embedding holds NaN or infinity; check the clips it was made from")
    return x, y


def _single(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`distances`, kept in single precision: the jackknife copies them many times."""
    return distances(x, y).astype(np.float32)
