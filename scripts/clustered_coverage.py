"""Do intervals cover and p-values hold on clustered clips? Writes a part of `reports/checks/coverage.md`.

    python scripts/clustered_coverage.py --replications 500

Sources have 1 to 30 near-identical clips; a reference, and a floor, hold whole sources; candidates of an arm are drawn
clip by clip, because a model that learned perfectly draws from the real clips, of which large sources have more. FAD's
interval is for its expectation at this n (the mean of all replications), those of KID and KAD for the populations.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from interval_coverage import write_part

from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.kernel import gaussian_kernel, median_distance, polynomial_kernel
from flowshot.scoring.metrics.paired import INFLUENCE, Difference, Distance, paired_difference
from flowshot.scoring.metrics.score import Score

D, SOURCES, CANDIDATES, POPULATION, LARGEST = 8, 60, 80, 1000, 30
MANY_SOURCES, MANY_CANDIDATES = 300, 400
DISTANCES = ("fad", "kid", "kad")


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

    @property
    def opposite(self) -> "Regime":
        """An arm to the other side of the real clips."""
        return replace(self, shift=-self.shift)

    def populations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What candidates and the reference are drawn from, `[clips, D]`, and how often, `[clips]`.

        Near-identical clips are one: their spread is a twentieth of a deviation.
        """
        centres, sizes = self.population
        y = centres + 0.05 * numpy_generator(0, "spread").normal(size=centres.shape)
        return self.moved(y), y, sizes / sizes.sum()

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
    config = replace(score, splits=2, resamples=199)
    jobs = [(regime, config, arguments.replications) for regime in REGIMES]
    with Pool() as pool:
        found = pool.starmap(replicate, jobs)
    covered = [coverage_row(*each) for each in zip(REGIMES, found, strict=True)]
    rejected = [rejection_row(*each) for each in zip(REGIMES, found, strict=True)]
    opposed = [opposed_row(*each) for each in zip(REGIMES, found, strict=True) if not each[0].null]
    write_part(arguments.out, "clustered", page(covered, rejected, opposed, arguments.replications))


def replicate(
    regime: Regime, config: ScoreConfig, replications: int, metrics: Sequence[str] = DISTANCES
) -> dict[str, np.ndarray]:
    """Of every replication and metric `[value, low, high]`, NaN where there is none.

    `kad_p` and the p-values of two arms of one kind, `... paired`, are values. `... opposed` are the difference of two
    arms that differ by `shift` to either side, and its interval.
    """
    found = defaultdict(list)
    kinds = [regime, regime] if regime.null else [regime, regime, regime.opposite]
    for i in range(replications):
        generator = numpy_generator(i, "clustered", regime.name)
        y, groups_y = regime.whole(generator, "y")
        arms = []
        for place, kind in enumerate(kinds):
            x, groups_x = kind.arm(generator)
            sets = EmbeddedSets("simulated", x, y, groups_x, groups_y)

            def drawn(_: str, of: np.random.Generator = generator) -> np.random.Generator:
                return of

            scores = compare(Comparison(sets, config, drawn), metrics if place else (*metrics, "kad_p"))
            arms.append({score.metric: score for score in scores})
        for metric, score in arms[0].items():
            found[metric].append([score.value, score.ci_low, score.ci_high])
        for metric in metrics:
            same = difference(arms[0][metric], arms[1][metric])
            found[f"{metric} paired"].append([same.p_value if same else None, None, None])
            if not regime.null:
                other = difference(arms[0][metric], arms[2][metric])
                by = arms[0][metric].value - arms[2][metric].value
                found[f"{metric} opposed"].append([by, *(other.interval(0.95) if other else (None, None))])
    return {metric: np.array(rows, dtype=float) for metric, rows in found.items()}


def difference(one: Score, other: Score) -> Difference | None:
    """As a report makes it from the entries of two scores; none where tails are too heavy."""
    if INFLUENCE not in one.details or INFLUENCE not in other.details:
        return None
    return paired_difference(*([Distance(each.value, **each.details[INFLUENCE])] for each in (one, other)))


def truth(regime: Regime, metric: str, values: np.ndarray) -> float:
    """What the interval is for."""
    if metric == "fad":
        return float(values.mean())
    if regime.null:
        return 0.0
    x, y, weights = regime.populations()
    clips = y[numpy_generator(0, "width").choice(len(y), 1500, p=weights)]
    kernel = polynomial_kernel if metric == "kid" else gaussian_kernel(median_distance(clips))
    return float(weights @ (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)) @ weights)


def coverage_row(regime: Regime, found: dict[str, np.ndarray]) -> str:
    """How often each interval contains the truth, and half of its median width over 1.96 deviations."""
    cells = [
        coverage(found[metric], truth(regime, metric, found[metric][:, 0])) if metric in found else ""
        for metric in DISTANCES
    ]
    return f"| {regime.name} | {regime.sources} | " + " | ".join(cells) + " |"


def coverage(found: np.ndarray, wanted: float) -> str:
    """The cell of `found: [replications, (value, low, high)]`: what holds for the intervals that there are."""
    values, low, high = found.T
    shown = np.isfinite(low)
    if not shown.any():
        return "none"
    width = np.median((high - low)[shown]) / 2 / (1.96 * values.std(ddof=1))
    covered = ((low <= wanted) & (wanted <= high))[shown]
    return f"{percent(covered.mean())} ({width:.2f}){missing(shown)}"


def missing(shown: np.ndarray) -> str:
    """What a cell says where some replications have nothing to show."""
    return "" if shown.all() else f", none in {percent(1 - shown.mean())}"


def percent(share: np.floating | float) -> str:
    """With one digit."""
    return f"{100 * share:.1f} %"


def rejection_row(regime: Regime, found: dict[str, np.ndarray]) -> str:
    """How often each p-value is 0.05 or less; of an arm that differs that is the power of the test."""
    alone = percent(np.mean(found["kad_p"][:, 0] <= 0.05))
    cells = [alone if regime.null else f"({alone})"]
    for metric in DISTANCES:
        if regime.floor or metric not in found:  # an arm's clips are independent, so floors are never compared
            cells.append("")
            continue
        p_values = found[f"{metric} paired"][:, 0]
        shown = np.isfinite(p_values)
        cells.append(percent(np.mean(p_values[shown] <= 0.05)) + missing(shown) if shown.any() else "none")
    return f"| {regime.name} | {regime.sources} | " + " | ".join(cells) + " |"


def opposed_row(regime: Regime, found: dict[str, np.ndarray]) -> str:
    """How often the interval of a difference contains the true one."""
    cells = []
    for metric in DISTANCES:
        if f"{metric} opposed" not in found:
            cells.append("")
            continue
        values = found[f"{metric} opposed"][:, 0]
        by = (
            values.mean() if metric == "fad" else truth(regime, metric, values) - truth(regime.opposite, metric, values)
        )
        cells.append(coverage(found[f"{metric} opposed"], by))
    return f"| {regime.name} | {regime.sources} | " + " | ".join(cells) + " |"


def page(covered: list[str], rejected: list[str], opposed: list[str], replications: int) -> str:
    """The part of the document."""
    error = 100 * np.sqrt(0.05 * 0.95 / replications)
    return f"""## Intervals

{replications} replications of each regime by `scripts/clustered_coverage.py`: how often a 95 % interval covers
(standard error {error:.1f} points), in brackets half of its median width over 1.96 deviations. References hold whole
sources of 1 to 30 near-identical clips (4.5 on average) in {D} dimensions; an arm has {CANDIDATES} clips,
with many sources {MANY_CANDIDATES}, drawn as clips are; a floor holds whole sources. "None in": in that many
replications no interval is shown, because the tails of the embedding are too heavy; the rest stands before it.

| regime | sources | FAD | KID | KAD |
|:--|--:|--:|--:|--:|
{chr(10).join(covered)}

## p-values

How often a perfect model is rejected at 5 % (in brackets: how often an arm that differs is), and how often two arms of
one kind are found different by the paired test.

| regime | sources | `kad_p` | FAD, paired | KID, paired | KAD, paired |
|:--|--:|--:|--:|--:|--:|
{chr(10).join(rejected)}

## Differences of two arms that differ

Arms that lie to opposite sides of the real clips: how often the interval of the paired comparison covers the true
difference of their distances.

| regime | sources | FAD | KID | KAD |
|:--|--:|--:|--:|--:|
{chr(10).join(opposed)}
"""


if __name__ == "__main__":
    main()
