"""Clustered clips whose distances are known: populations of sources with 1 to 30 near-identical clips each.

A reference holds whole sources, as a held-out split does. An arm's candidates are drawn clip by clip, because a model
that learned perfectly draws from the real clips, of which large sources have more. A floor holds whole sources, too.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import EmbeddedSets

LARGEST = 30


@dataclass(frozen=True)
class Regime:
    """How sources lie and how many clips they have.

    `tails` are the degrees of freedom of Student's t (0: Gaussian); with `tied`, sources to one side have more clips
    than those to the other; `shift` and `spread` say how an arm's clips differ, in standard deviations.
    """

    name: str
    d: int
    sources: int
    candidates: int
    uneven: bool = True
    tied: bool = False
    tails: int = 0
    shift: float = 0.0
    spread: float = 1.0
    floor: bool = False
    population: int = 1000

    @property
    def null(self) -> bool:
        """Whether candidates and reference are of one distribution."""
        return self.floor or (self.shift == 0 and self.spread == 1)

    @cached_property
    def clips(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The population: clips `[n, d]`, the source of each, and the number of clips of each source."""
        generator = numpy_generator(0, "clustered", f"{self.d} {self.uneven} {self.tied} {self.tails}")
        deviations = np.arange(1, self.d + 1.0) ** -0.5
        deviations *= np.sqrt(0.5 * self.d / np.square(deviations).sum())
        centres = generator.normal(size=(self.population, self.d))
        if self.tails:
            centres /= np.sqrt(generator.chisquare(self.tails, size=(self.population, 1)) / self.tails)
        # Most sources have few clips, some have thirty.
        rank = generator.permutation(self.population) if not self.tied else np.argsort(np.argsort(-centres[:, 0]))
        sizes = np.ceil(LARGEST ** (1 - (rank + 0.5) / self.population)) if self.uneven else np.full(self.population, 2)
        sizes = sizes.astype(int)
        source = np.repeat(np.arange(self.population), sizes)
        noise = 0.1 * generator.normal(size=(len(source), self.d))
        return 0.3 + deviations * (centres[source] + noise), source, sizes

    @cached_property
    def differing(self) -> np.ndarray:
        """The population of an arm's clips, `[n, d]`."""
        clips, _, _ = self.clips
        mean, deviation = clips.mean(axis=0), clips.std(axis=0)
        return mean + self.spread * (clips - mean) + self.shift * deviation

    def draw(self, generator: np.random.Generator) -> EmbeddedSets:
        """Candidates and reference, with their sources."""
        x, groups_x = self._whole_sources(generator, "x") if self.floor else self._single_clips(generator)
        y, groups_y = self._whole_sources(generator, "y")
        return EmbeddedSets("simulated", x, y, groups_x, groups_y)

    def _single_clips(self, generator: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        rows = generator.integers(0, len(self.differing), self.candidates)
        return self.differing[rows], [f"x{i}" for i in range(self.candidates)]

    def _whole_sources(self, generator: np.random.Generator, name: str) -> tuple[np.ndarray, list[str]]:
        clips, _, sizes = self.clips
        first = np.concatenate([[0], np.cumsum(sizes)])
        drawn = generator.integers(0, self.population, self.sources)
        rows = np.concatenate([np.arange(first[i], first[i + 1]) for i in drawn])
        return clips[rows], [f"{name}{i}" for i, source in enumerate(drawn) for _ in range(sizes[source])]


REGIMES = (
    Regime("pairs of clips", 32, 60, 200, uneven=False),
    Regime("pairs of clips, differing", 32, 60, 200, uneven=False, shift=0.2, spread=1.1),
    Regime("1 to 30 clips", 32, 60, 200),
    Regime("1 to 30 clips, differing", 32, 60, 200, shift=0.2, spread=1.1),
    Regime("1 to 30 clips, floor", 32, 60, 200, floor=True),
    Regime("size tied to content", 32, 60, 200, tied=True),
    Regime("size tied to content, differing", 32, 60, 200, tied=True, shift=0.2, spread=1.1),
    Regime("size tied to content, floor", 32, 60, 200, tied=True, floor=True),
    Regime("size tied to content, more dimensions", 128, 60, 200, tied=True),
    Regime("size tied to content, more sources", 32, 150, 200, tied=True),
    Regime("heavy tails (t, 5 degrees)", 32, 60, 200, tails=5),
    Regime("heavy tails, size tied to content", 32, 60, 200, tails=5, tied=True),
    Regime("heavy tails, tied, differing", 32, 60, 200, tails=5, tied=True, shift=0.2, spread=1.1),
    Regime("heavy tails, tied, floor", 32, 60, 200, tails=5, tied=True, floor=True),
    Regime("very heavy tails (t, 3 degrees), tied", 32, 60, 200, tails=3, tied=True),
)
