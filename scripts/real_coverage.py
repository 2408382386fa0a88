"""Do intervals cover and p-values hold on embeddings of real clips? Writes a part of `reports/checks/coverage.md`.

    python scripts/real_coverage.py --data data/prepared/samples

The held-out clips of a dataset, under YAMNet and log-mel, are the population: a reference, and a floor, hold whole
sources that are drawn from it with replacement; the candidates of an arm are clips drawn from all of it, as they are or
degraded. FAD under YAMNet, 1,024 dimensions, is left out: it would take hours.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from clustered_coverage import DISTANCES, Regime, coverage_row, opposed_row, rejection_row, replicate
from interval_coverage import write_part
from planted_differences import higher, low_passed, noisy

from flowshot.clips.held_out import reference_clips
from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.params import project_params
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.floor import joined

MEASURED = {"yamnet": ("kid", "kad"), "logmel": DISTANCES}
SOURCES, CANDIDATES = 300, 400


@dataclass(frozen=True)
class RealClips(Regime):
    """Embedded clips `[n, d]`, the rows of each source, and what two kinds of arms make of the clips."""

    clips: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    rows: tuple[np.ndarray, ...] = ()
    made: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def null(self) -> bool:
        """An arm has the real clips."""
        return self.made is None

    @property
    def opposite(self) -> "RealClips":
        """The other kind of arm."""
        return self if self.made is None else replace(self, made=self.made[::-1])

    def populations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every clip as often as any other."""
        made = self.clips if self.made is None else self.made[0]
        return made, self.clips, np.full(len(self.clips), 1 / len(self.clips))

    def whole(self, generator: np.random.Generator, name: str) -> tuple[np.ndarray, list[str]]:
        """All clips of sources drawn at random, each a source of its own."""
        drawn = [self.rows[i] for i in generator.integers(0, len(self.rows), self.sources)]
        groups = [f"{name}{i}" for i, rows in enumerate(drawn) for _ in rows]
        return self.clips[np.concatenate(drawn)], groups

    def arm(self, generator: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        """Single clips, or whole sources for a floor."""
        if self.floor:
            return self.whole(generator, "x")
        made, _, weights = self.populations()
        return made[generator.choice(len(made), self.candidates, p=weights)], [f"x{i}" for i in range(self.candidates)]


def main() -> None:
    """Embed the dataset, run every regime, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/prepared/samples"))
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--cache", type=Path, default=Path(".flowshot/cache/embeddings"))
    parser.add_argument("--out", type=Path, default=Path("reports/checks/coverage.md"))
    arguments = parser.parse_args()
    config = project_params().section("score", ScoreConfig)
    prepared = read_prepared(arguments.data)
    regimes = [
        (regime, metrics)
        for name, metrics in MEASURED.items()
        for regime in regimes_of(prepared, name, config, EmbeddingCache(arguments.cache))
    ]
    cheap = replace(config, splits=2, resamples=199)
    with Pool() as pool:
        found = pool.starmap(replicate, [(regime, cheap, arguments.replications, of) for regime, of in regimes])
    covered = [coverage_row(regime, one) for (regime, _), one in zip(regimes, found, strict=True)]
    rejected = [rejection_row(regime, one) for (regime, _), one in zip(regimes, found, strict=True)]
    opposed = [opposed_row(regime, one) for (regime, _), one in zip(regimes, found, strict=True) if not regime.null]
    sizes = [len(rows) for rows in regimes[0][0].rows]
    write_part(arguments.out, "real", page((covered, rejected, opposed), sizes, prepared.name, arguments.replications))


def regimes_of(
    prepared: PreparedDataset, embedding: str, config: ScoreConfig, cache: EmbeddingCache
) -> list[RealClips]:
    """A perfect arm, a floor, and arms that are degraded, each compared with another as well."""
    network = embedder(embedding, config.policy)
    held_out = joined(reference_clips(prepared, "valid"), reference_clips(prepared))
    low, noise, high = (
        plant(np.asarray(held_out.clips), prepared.sample_rate) for plant in (low_passed, noisy, higher)
    )
    clips, low, noise, high = (
        cache.embed(network, each, prepared.sample_rate)[:, : network.dimensions]
        for each in (held_out.clips, low, noise, high)
    )
    groups = np.array(held_out.groups)
    order = np.argsort(groups, kind="stable")
    rows = tuple(np.split(order, np.flatnonzero(np.diff(np.unique(groups[order], return_inverse=True)[1])) + 1))
    arm = RealClips(
        f"{embedding}, {network.dimensions} dimensions", sources=SOURCES, candidates=CANDIDATES, clips=clips, rows=rows
    )
    degraded = {"low-pass": (low, noise), "noise": (noise, high), "3 semitones up": (high, low)}
    return [
        arm,
        replace(arm, name=f"{arm.name}, floor", floor=True),
        *(replace(arm, name=f"{embedding}, {kind}", made=made) for kind, made in degraded.items()),
    ]


def page(rows: tuple[list[str], list[str], list[str]], sizes: Sequence[int], dataset: str, replications: int) -> str:
    """The part of the document."""
    covered, rejected, opposed = rows
    return f"""## Embeddings of real clips

{replications} replications of each regime by `scripts/real_coverage.py`. The population is the {sum(sizes):,}
held-out clips of `{dataset}` in {len(sizes):,} sources of 1 to {max(sizes)} clips. An arm has {CANDIDATES} clips of it,
as they are or degraded as in `differences.md`, a reference and a floor {SOURCES} whole sources.

| embedding | sources | FAD | KID | KAD |
|:--|--:|--:|--:|--:|
{chr(10).join(covered)}

| embedding | sources | `kad_p` | FAD, paired | KID, paired | KAD, paired |
|:--|--:|--:|--:|--:|--:|
{chr(10).join(rejected)}

Two arms that differ: how often the interval covers the true difference of low-passed and noisy clips, of noisy clips
and those 3 semitones up, and of these and low-passed ones.

| embedding | sources | FAD | KID | KAD |
|:--|--:|--:|--:|--:|
{chr(10).join(opposed)}
"""


if __name__ == "__main__":
    main()
