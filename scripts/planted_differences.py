"""Are planted differences between two arms found, and none where there is none? Writes `reports/checks/differences.md`.

    python scripts/planted_differences.py --data data/prepared/samples

Arms are draws from real training clips, one of them degraded: `CANDIDATES` clips each, against `GROUPS` sources of the
held-out clips, which are drawn anew as well. The paired test of their KID under YAMNet is that of the report: which arm
is nearer to real clips? The other is `local_p` of `flowshot score --reference ONE --candidate OTHER`: do the arms
differ in any kind of sound? A chi-square test that knows dropped classes shows what to expect.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from interval_coverage import write_part
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.signal import butter, resample_poly, sosfiltfilt

from flowshot.clips.held_out import reference_clips
from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.floor import joined
from flowshot.scoring.metrics.kernel import LEAST, polynomial_kernel
from flowshot.scoring.metrics.local_test import local_difference
from flowshot.scoring.metrics.paired import Distance, paired_difference

CANDIDATES, GROUPS, DROPPED, RESAMPLES = 4000, 300, 0.05, 199
LABELS, CLUSTERS = "5 % of the instruments dropped", "one of 20 classes of sound dropped"
CUTOFF_HZ, SNR_DB, FASTER = 6000.0, 30.0, (16, 19)  # 19 / 16 is 2.98 semitones
Plant = Callable[[np.ndarray, int], np.ndarray]


def low_passed(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    """Nothing above `CUTOFF_HZ`."""
    filtered = sosfiltfilt(butter(8, CUTOFF_HZ, fs=sample_rate, output="sos"), clips, axis=1)
    return np.asarray(filtered, dtype=np.float32)


def noisy(clips: np.ndarray, _: int) -> np.ndarray:
    """White noise `SNR_DB` below the power of each clip."""
    deviation = clips.std(axis=1, keepdims=True) * 10 ** (-SNR_DB / 20)
    noise = numpy_generator(0, "planted", "noise").standard_normal(clips.shape, dtype=np.float32)
    return np.asarray(clips + deviation * noise, dtype=np.float32)


def higher(clips: np.ndarray, _: int) -> np.ndarray:
    """Three semitones up, as a sampler plays a recording faster; the rest of the clip is silent."""
    faster = resample_poly(clips, *FASTER, axis=1)
    return np.pad(faster, [(0, 0), (0, clips.shape[1] - faster.shape[1])]).astype(np.float32)


PLANTS: dict[str, Plant | None] = {
    "nothing": None,
    LABELS: None,
    CLUSTERS: None,
    "low-pass at 6 kHz": low_passed,
    "noise at 30 dB below the clip": noisy,
    "3 semitones up": higher,
}


def main() -> None:
    """Embed every plant once, compare the redraws, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/prepared/samples"))
    parser.add_argument("--pool", type=int, default=4000, help="training clips that arms are drawn from")
    parser.add_argument("--redraws", type=int, default=20, help="of each plant; twice as many of none")
    parser.add_argument("--cache", type=Path, default=Path(".flowshot/cache/embeddings"))
    parser.add_argument("--out", type=Path, default=Path("reports/checks/differences.md"))
    arguments = parser.parse_args()
    prepared = read_prepared(arguments.data)
    rows = np.sort(numpy_generator(0, "planted", "pool").permutation(len(prepared.clips("train")))[: arguments.pool])
    held_out = joined(reference_clips(prepared, "valid"), reference_clips(prepared))
    network = embedder("yamnet", project_params().section("score", ScoreConfig).policy)
    embed = lambda clips: EmbeddingCache(arguments.cache).embed(network, clips, prepared.sample_rate)[:, :1024]  # noqa: E731
    reference = embed(held_out.clips)
    embedded = embed(planted(prepared, rows, None))
    clean = Arm(embedded, reference)
    labels = {
        LABELS: np.array([row["label"] for row in prepared.rows("train")])[rows],
        CLUSTERS: fcluster(linkage(embedded, "ward"), round(1 / DROPPED), "maxclust"),
    }
    lines = []
    for name, plant in PLANTS.items():
        degraded = Arm(embed(planted(prepared, rows, plant)), reference) if plant else clean
        redraws = arguments.redraws if name != "nothing" else 2 * arguments.redraws
        found = [
            redraw(degraded, clean, np.array(held_out.groups), labels.get(name, labels[LABELS]), name, i)
            for i in range(redraws)
        ]
        lines.append(line(name, found))
        print(lines[-1], flush=True)
    write_part(arguments.out, "planted", page(lines, prepared, arguments.pool, len(set(labels[LABELS]))))


def planted(prepared: PreparedDataset, rows: np.ndarray, plant: Plant | None) -> np.ndarray:
    """Training clips, degraded where there is something to plant."""
    clips = np.asarray(prepared.clips("train")[rows])
    return plant(clips, prepared.sample_rate) if plant else clips


class Arm:
    """The kernels of one pool of clips with itself, `[pool, pool]`, and with the held-out clips, `[pool, held out]`."""

    def __init__(self, pool: np.ndarray, reference: np.ndarray) -> None:
        self.pool = pool
        self.within = polynomial_kernel(pool, pool)
        self.squares = np.square(self.within)
        self.between = polynomial_kernel(pool, reference)

    def distance(self, drawn: np.ndarray, reference: np.ndarray, source: np.ndarray) -> Distance:
        """As the report's, less what does not depend on the arm: `drawn` times each clip of the pool, `[pool]`.

        Draws of one clip are draws of their own, so sums over pairs of draws are products with these counts. The
        numbers are those of `flowshot.scoring.metrics.kernel`; `source` is that of each reference clip, from 0.
        """
        c, n, m = drawn, drawn.sum(), len(reference)
        diagonal, sizes = np.diag(self.within), np.bincount(source)
        sums = np.stack([np.bincount(source, weights=row) for row in self.between[:, reference]])
        rows, columns, mean = sums.sum(axis=1) / m, c @ sums / n, c @ sums.sum(axis=1) / (n * m)
        all_pairs = self.within @ c
        others = all_pairs - diagonal
        own = c @ others / (n * (n - 1))
        influence_x = 2 * ((others - own * (n - 1)) / (n * (n - 1)) - (rows - mean) / n)
        influence_y = -2 * (columns - mean * sizes) / m
        # What pairs contribute beyond their clips, squared: the part that both influences hold twice.
        beyond = all_pairs / n - c @ all_pairs / (2 * n * n)
        squares = c @ (self.squares @ c) - 4 * c @ (beyond * all_pairs) + 2 * n * c @ beyond**2 + 2 * (c @ beyond) ** 2
        centred = (sums - np.outer(rows, sizes) - columns + mean * sizes) / (n * m)
        pairs = 2 * float(squares - c @ (diagonal - 2 * beyond) ** 2) / n**4
        mixed = 4 * float((c @ centred**2).sum())
        variance = n / (n - 1) * float(c @ influence_x**2)
        moved = {str(i): float(value) for i, value in enumerate(influence_y)}
        return Distance(float(own - 2 * mean), variance, moved, pairs, mixed, LEAST)


def redraw(degraded: Arm, clean: Arm, groups: np.ndarray, labels: np.ndarray, name: str, i: int) -> tuple[float, ...]:
    """The difference of both KIDs, its p-value, what would have been found with power 0.8, `local_p`, `known_p`."""
    generator = numpy_generator(i, "planted", name)
    reference = np.flatnonzero(np.isin(groups, generator.permutation(np.unique(groups))[:GROUPS]))
    source = np.unique(groups[reference], return_inverse=True)[1]
    classes = generator.permutation(np.unique(labels))
    dropped = classes[: round(DROPPED * len(classes))] if name in (LABELS, CLUSTERS) else classes[:0]
    allowed = np.flatnonzero(~np.isin(labels, dropped)), np.arange(len(labels))
    drawn = [generator.choice(of, CANDIDATES) for of in allowed]
    counts = [np.bincount(rows, minlength=len(labels)).astype(float) for rows in drawn]
    pair = [arm.distance(each, reference, source) for arm, each in zip((degraded, clean), counts, strict=True)]
    difference = paired_difference(*([one] for one in pair))
    apart = local_difference(degraded.pool[drawn[0]], clean.pool[drawn[1]], RESAMPLES, generator)
    known = known_p(labels[drawn[0]], labels[drawn[1]], generator) if len(dropped) else 1.0
    return difference.value, difference.p_value, difference.detectable(0.8, 0.95), apart.p_value, known


def known_p(one: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> float:
    """Of the chi-square statistic of two sets of labels, which are exchanged between the sets."""
    of_both = np.unique(np.concatenate([one, other]), return_inverse=True)[1]
    total = np.bincount(of_both)
    exchanged = generator.multivariate_hypergeometric(total, len(one), size=RESAMPLES, method="marginals")
    counts = np.vstack([np.bincount(of_both[: len(one)], minlength=len(total)), exchanged])
    statistics = (np.square(2 * counts - total) / total).sum(axis=1)
    return float(np.mean(statistics >= statistics[0]))


def line(name: str, found: Sequence[tuple[float, ...]]) -> str:
    """A row of the table."""
    differences, p_values, detectable, p_differ, p_known = np.array(found).T
    low, middle, high = 1000 * np.quantile(differences, [0, 0.5, 1])
    nearer, apart, known = (f"{int((each < 0.05).sum())} of {len(found)}" for each in (p_values, p_differ, p_known))
    needed = 1000 * np.median(detectable)
    known = known if name in (LABELS, CLUSTERS) else ""
    return f"| {name} | {middle:.3f} ({low:.3f} to {high:.3f}) | {needed:.3f} | {nearer} | {apart} | {known} |"


def page(lines: Sequence[str], prepared: PreparedDataset, pool: int, classes: int) -> str:
    """The part of the document."""
    return f"""## Planted differences

`scripts/planted_differences.py`: {CANDIDATES:,} clips per arm, drawn with replacement from {pool:,} training clips of
`{prepared.name}`, against the held-out clips of {GROUPS} sources, all drawn anew for each redraw.
The degraded arm and a clean one are compared by the paired test of KID under YAMNet. Instruments are the {classes:,}
labels of the files; classes of sound are clusters of the embedding (Ward), drawn anew as well. The last columns test
the arms against each other, without the reference: `local_p`, and a chi-square test that knows every clip's class.
The last three are counts of p < 0.05.

| planted | difference of KID ×10³, median (range) | found from, power 0.8 | nearer | differ | classes known |
|:--|--:|--:|--:|--:|--:|
{chr(10).join(lines)}
"""  # noqa: RUF001


if __name__ == "__main__":
    main()
