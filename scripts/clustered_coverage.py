"""Do intervals cover and p-values hold on clustered clips? Writes a part of `reports/checks/coverage.md`.

    python scripts/clustered_coverage.py --replications 500

Sources have 1 to 30 near-identical clips; a reference, and a floor, hold whole sources; candidates of an arm are drawn
clip by clip, because a model that learned perfectly draws from the real clips, of which large sources have more. FAD's
interval is for its expectation at this n (the mean of all replications), those of KID and KAD for the populations.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from interval_coverage import write_part
from tqdm import tqdm

from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.kernel import gaussian_kernel, median_distance, polynomial_kernel
from flowshot.scoring.metrics.paired import Distance, paired_difference
from flowshot.scoring.metrics.score import Score

D, SOURCES, CANDIDATES, POPULATION, LARGEST = 8, 60, 80, 1000, 30
MANY_SOURCES, MANY_CANDIDATES = 300, 400
DISTANCES, P_VALUES = ("fad", "kid", "kad"), ("kid_p", "kad_p")


@dataclass(frozen=True)
class Regime:
    """How sources lie and how many clips they have.

    `tails` are the degrees of freedom of Student's t (0: Gaussian); with `tied`, sources to one side of the space have
    more clips; an arm's clips differ by `shift` and `spread`, in standard deviations.
    """

    name: str
    tied: bool = False
    tails: int = 0
    floor: bool = False
    shift: float = 0.0
    spread: float = 1.0
    sources: int = SOURCES
    largest: int = LARGEST
    candidates: int = CANDIDATES

    @property
    def null(self) -> bool:
        """Whether candidates and reference are of one distribution."""
        return self.shift == 0 and self.spread == 1

    @cached_property
    def population(self) -> tuple[np.ndarray, np.ndarray]:
        """The centre of each source, `[POPULATION, D]`, and its number of clips."""
        generator = numpy_generator(0, "clustered", f"{self.tied} {self.tails} {self.largest}")
        deviations = np.arange(1, D + 1.0) ** -0.5
        centres = generator.normal(size=(POPULATION, D))
        if self.tails:
            centres /= np.sqrt(generator.chisquare(self.tails, size=(POPULATION, 1)) / self.tails)
        rank = np.argsort(np.argsort(-centres[:, 0])) if self.tied else generator.permutation(POPULATION)
        # Most sources have few clips, some have thirty; 4.5 on average.
        sizes = np.ceil(self.largest ** np.square(1 - (rank + 0.5) / POPULATION)).astype(int)
        return 0.3 + deviations * centres, sizes

    def moved(self, clips: np.ndarray) -> np.ndarray:
        """An arm's clips where those of a perfect one are `clips`."""
        centres, sizes = self.population
        mean = sizes @ centres / sizes.sum()
        deviation = np.sqrt(sizes @ np.square(centres - mean) / sizes.sum())
        return mean + self.spread * (clips - mean) + self.shift * deviation

    def whole(self, generator: np.random.Generator, name: str) -> tuple[np.ndarray, list[str]]:
        """All clips of sources drawn at random, near each other, and their sources."""
        centres, sizes = self.population
        drawn = generator.integers(0, POPULATION, self.sources)
        clips = np.repeat(centres[drawn], sizes[drawn], axis=0)
        groups = np.repeat(np.arange(self.sources), sizes[drawn])
        return clips + 0.05 * generator.normal(size=clips.shape), [f"{name}{i}" for i in groups]

    def arm(self, generator: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        """Candidates: single clips, or whole sources for a floor."""
        if self.floor:
            return self.whole(generator, "x")
        centres, sizes = self.population
        clips = centres[generator.choice(POPULATION, self.candidates, p=sizes / sizes.sum())]
        clips = self.moved(clips + 0.05 * generator.normal(size=clips.shape))
        return clips, [f"x{i}" for i in range(self.candidates)]


REGIMES = (
    Regime("1 or 2 clips", largest=2),
    Regime("1 to 30 clips"),
    Regime("1 to 30 clips, floor", floor=True),
    Regime("1 to 30 clips, differing", shift=0.3, spread=1.1),
    Regime("size tied to content", tied=True),
    Regime("size tied to content, floor", tied=True, floor=True),
    Regime("size tied to content, differing", tied=True, shift=0.3, spread=1.1),
    Regime("size tied to content, few sources", tied=True, sources=30),
    Regime("size tied to content, many sources", tied=True, sources=MANY_SOURCES, candidates=MANY_CANDIDATES),
    Regime("heavy tails (t, 3)", tails=3),
    Regime("heavy tails (t, 3), floor", tails=3, floor=True),
    Regime("heavy tails (t, 3), tied", tied=True, tails=3),
    Regime(
        "heavy tails (t, 3), tied, many sources", tied=True, tails=3, sources=MANY_SOURCES, candidates=MANY_CANDIDATES
    ),
    Regime("heavy tails (t, 3), tied, floor", tied=True, tails=3, floor=True),
    Regime("heavy tails (t, 3), tied, differing", tied=True, tails=3, shift=0.3, spread=1.1),
)


def main() -> None:
    """Run every regime and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("reports/checks/coverage.md"))
    arguments = parser.parse_args()
    score = project_params().section("score", ScoreConfig)
    config = replace(score, splits=2, resamples=99)
    covered, rejected = [], []
    for regime in REGIMES:
        found = replicate(regime, config, arguments.replications)
        covered.append(coverage_row(regime, found))
        rejected.append(rejection_row(regime, found))
        print(covered[-1], rejected[-1], sep="\n", flush=True)
    write_part(arguments.out, "clustered", page(covered, rejected, arguments.replications))


def replicate(regime: Regime, config: ScoreConfig, replications: int) -> dict[str, np.ndarray]:
    """Of every replication and metric `[value, low, high]`; `paired` are p-values of two arms of one kind."""
    found = defaultdict(list)
    for i in tqdm(range(replications), desc=regime.name, disable=None):
        generator = numpy_generator(i, "clustered", regime.name)
        y, groups_y = regime.whole(generator, "y")
        arms = []
        for metrics in ((*DISTANCES, *P_VALUES), DISTANCES):
            x, groups_x = regime.arm(generator)
            sets = EmbeddedSets("simulated", x, y, groups_x, groups_y)

            def drawn(_: str, of: np.random.Generator = generator) -> np.random.Generator:
                return of

            scores = compare(Comparison(sets, config, drawn), metrics)
            arms.append({score.metric: score for score in scores})
        for metric, score in arms[0].items():
            found[metric].append([score.value, score.ci_low, score.ci_high])
        for metric in DISTANCES:
            pair = [[distance(arm[metric])] for arm in arms]
            found[f"{metric} paired"].append([paired_difference(*pair).p_value, None, None])
    return {metric: np.array(rows, dtype=float) for metric, rows in found.items()}


def distance(score: Score) -> Distance:
    """As a report reads it from the entry of a score."""
    return Distance(score.value, **score.details["influence"], repeated=score.details["repeated"])


def truth(regime: Regime, metric: str, values: np.ndarray) -> float:
    """What the interval is for."""
    if metric == "fad":
        return float(values.mean())
    if regime.null:
        return 0.0
    centres, sizes = regime.population
    # Near-identical clips as one: their spread is a twentieth of a deviation.
    y, weights = centres + 0.05 * numpy_generator(0, "spread").normal(size=centres.shape), sizes / sizes.sum()
    x = regime.moved(y)
    clips = np.repeat(y, sizes, axis=0)[numpy_generator(0, "width").permutation(sizes.sum())[:1500]]
    kernel = polynomial_kernel if metric == "kid" else gaussian_kernel(median_distance(clips))
    return float(weights @ (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)) @ weights)


def coverage_row(regime: Regime, found: dict[str, np.ndarray]) -> str:
    """How often each interval contains the truth, and half of its median width over 1.96 deviations."""
    cells = []
    for metric in DISTANCES:
        values, low, high = found[metric].T
        wanted = truth(regime, metric, values)
        width = np.median(high - low) / 2 / (1.96 * values.std(ddof=1))
        cells.append(f"{100 * np.mean((low <= wanted) & (wanted <= high)):.1f} % ({width:.2f})")
    return f"| {regime.name} | {regime.sources} | " + " | ".join(cells) + " |"


def rejection_row(regime: Regime, found: dict[str, np.ndarray]) -> str:
    """How often each p-value is 0.05 or less; of an arm that differs that is the power of the test."""
    names = (*P_VALUES, *(f"{metric} paired" for metric in DISTANCES))
    cells = [f"{100 * np.mean(found[name][:, 0] <= 0.05):.1f} %" for name in names]
    if not regime.null:
        cells[:2] = [f"({cell})" for cell in cells[:2]]
    return f"| {regime.name} | {regime.sources} | " + " | ".join(cells) + " |"


def page(covered: list[str], rejected: list[str], replications: int) -> str:
    """The part of the document."""
    error = 100 * np.sqrt(0.05 * 0.95 / replications)
    return f"""## Intervals

{replications} replications of each regime by `scripts/clustered_coverage.py`: how often a 95 % interval covers
(standard error {error:.1f} points), in brackets half of its median width over 1.96 deviations. References hold whole
sources of 1 to 30 near-identical clips (4.5 on average) in {D} dimensions; an arm has {CANDIDATES} clips,
with many sources {MANY_CANDIDATES}, drawn as clips are; a floor holds whole sources.

| regime | sources | FAD | KID | KAD |
|:--|--:|--:|--:|--:|
{chr(10).join(covered)}

## p-values

How often a perfect model is rejected at 5 % (in brackets: how often an arm that differs is), and how often two arms of
one kind are found different by the paired test.

| regime | sources | `kid_p` | `kad_p` | FAD, paired | KID, paired | KAD, paired |
|:--|--:|--:|--:|--:|--:|--:|
{chr(10).join(rejected)}
"""


if __name__ == "__main__":
    main()
