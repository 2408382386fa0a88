"""Which metric detects which degradation of real audio? Writes `reports/checks/sense.md`: `python scripts/sense.py`.

Real clips take the place of generated ones and are degraded in five steps. A metric detects a degradation where
it follows the grades, from the clips as they are to the worst: Spearman's rank correlation of its value with the grade.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.signal import butter, fftconvolve, sosfilt
from scipy.stats import spearmanr
from tqdm import tqdm

from flowshot.clips.held_out import NamedClips, reference_clips
from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.files import whole_file
from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.report.registry import EMBEDDINGS, metric
from flowshot.scoring.comparison.embedded import ClipSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.scores import score_against_reference

NOISE_DB = (-60, -50, -40, -30, -20)  # relative to full scale
CUTOFF_HZ = (4000, 2000, 1000, 500, 250)
CLIPPED_AT = (0.5, 0.25, 0.12, 0.06, 0.03)  # of the clip's peak
REVERB_DB = (-20, -15, -10, -5, 0)  # power of the tail over that of the clip
REVERB_SECONDS = 0.6  # in which the tail falls by 60 dB
CLASSES = 24
KEPT = (0.8, 0.65, 0.5, 0.35, 0.25)  # of all clips, by whole classes
COPIED = (0.1, 0.25, 0.5, 0.75, 1.0)
FOLLOWS = 0.94  # of six grades in order, at most two neighbours exchanged
# Intervals are not looked at here.
CONFIG = replace(project_params().section("score", ScoreConfig), folds=2, splits=4, resamples=999)
# What grows as clips get worse; the others fall.
WORSE_IS_MORE = ("fad", "fad_infinity", "kid", "kad")


@dataclass(frozen=True)
class Material:
    """Real clips: the reference, what models would have learned from, and candidates, which are neither."""

    reference: NamedClips
    training: NamedClips
    pool: np.ndarray
    features: np.ndarray  # of the pool: its log-mel embeddings, and the classes that they form
    classes: np.ndarray
    sample_rate: int

    @property
    def n(self) -> int:
        """Clips in each compared set."""
        return len(self.reference.clips)


def main() -> None:
    """Score every grade of every fault and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=Path("data/prepared/samples_original"))
    parser.add_argument("--out", type=Path, default=Path("reports/checks/sense.md"))
    arguments = parser.parse_args()
    prepared, cache = read_prepared(arguments.dataset), EmbeddingCache()
    material = split_material(prepared, cache)
    order = numpy_generator(0, "sense").permutation(len(material.pool))
    clean = material.pool[order[: material.n]]
    grades = {name: [clean, *degraded] for name, degraded in faults(material, clean, order).items()}
    steps = tqdm(total=1 + sum(len(sets) - 1 for sets in grades.values()), unit="set")
    undegraded = scored(material, clean, cache)
    steps.update()
    found: dict[str, list[dict[tuple[str, str], float]]] = {}
    for name, sets in grades.items():
        found[name] = [undegraded]
        for clips in sets[1:]:
            found[name].append(scored(material, clips, cache))
            steps.update()
    with whole_file(arguments.out) as file:
        file.write_text(page(found, prepared.name, material.n), encoding="utf-8")


def split_material(prepared: PreparedDataset, cache: EmbeddingCache) -> Material:
    """Half of the training sources are what was learned from; candidates come from the others and from validation."""
    groups = prepared.groups("train")
    sources = sorted(set(groups))
    learned = {
        sources[i] for i in numpy_generator(0, "sense", "learned").permutation(len(sources))[: len(sources) // 2]
    }
    rows = np.array([group in learned for group in groups])
    train = np.asarray(prepared.clips("train"))
    pool = np.concatenate([train[~rows], np.asarray(prepared.clips("valid"))])
    features = cache.embed(embedder("logmel", CONFIG.policy), pool, prepared.sample_rate)
    classes = fcluster(linkage(features, "ward"), CLASSES, "maxclust")
    training_names = [f"training clip {i}" for i in np.flatnonzero(rows)]
    return Material(
        reference_clips(prepared),
        NamedClips(train[rows], training_names, training_names),
        pool,
        features,
        classes,
        prepared.sample_rate,
    )


def faults(material: Material, clean: np.ndarray, order: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Five grades of each fault, the worst last, each `[n, samples]`; `order` is that in which clips are drawn."""
    rate = material.sample_rate
    return {
        "noise": [add_noise(clean, level) for level in NOISE_DB],
        "low-pass": [low_pass(clean, cutoff, rate) for cutoff in CUTOFF_HZ],
        "clipping": [clip_peaks(clean, share) for share in CLIPPED_AT],
        "reverb": [reverberate(clean, level, rate) for level in REVERB_DB],
        "fewer classes": [keep_classes(material, order, share) for share in KEPT],
        "copies": [copy_training(material, clean, share) for share in COPIED],
    }


def add_noise(clips: np.ndarray, level: float) -> np.ndarray:
    """White noise of `level` dB."""
    noise = numpy_generator(0, "sense", "noise").normal(size=clips.shape)
    return (clips + 10 ** (level / 20) * noise).astype(np.float32)


def low_pass(clips: np.ndarray, cutoff: float, sample_rate: int) -> np.ndarray:
    """Without what lies above `cutoff` Hz."""
    return sosfilt(butter(8, cutoff, fs=sample_rate, output="sos"), clips, axis=1).astype(np.float32)


def clip_peaks(clips: np.ndarray, share: float) -> np.ndarray:
    """Cut off at a share of the loudest sample, and as loud as before."""
    peak = np.abs(clips).max(axis=1, keepdims=True)
    return (np.clip(clips, -share * peak, share * peak) / share).astype(np.float32)


def reverberate(clips: np.ndarray, level: float, sample_rate: int) -> np.ndarray:
    """Followed by a tail of noise of `level` dB, with the same peak as before."""
    time = np.arange(clips.shape[1]) / sample_rate
    tail = numpy_generator(0, "sense", "reverb").normal(size=len(time)) * 10 ** (-3 * time / REVERB_SECONDS)
    tail *= 10 ** (level / 20) / np.linalg.norm(tail)
    wet = clips + fftconvolve(clips, tail[None], axes=1)[:, : clips.shape[1]]
    return (wet * np.abs(clips).max(axis=1, keepdims=True) / np.abs(wet).max(axis=1, keepdims=True)).astype(np.float32)


def keep_classes(material: Material, order: np.ndarray, share: float) -> np.ndarray:
    """As many clips, of the fewest classes that hold a share; what is least like the largest class goes first."""
    numbers = np.unique(material.classes)
    centres = np.stack([material.features[material.classes == number].mean(axis=0) for number in numbers])
    sizes = np.array([(material.classes == number).sum() for number in numbers])
    nearest = np.argsort(np.linalg.norm(centres - centres[sizes.argmax()], axis=1))
    kept = nearest[: 1 + int((np.cumsum(sizes[nearest]) < share * len(material.pool)).sum())]
    rows = [row for row in order if material.classes[row] in set(numbers[kept])]
    return material.pool[rows[: material.n]]


def copy_training(material: Material, clips: np.ndarray, share: float) -> np.ndarray:
    """With training clips in place of a share of them."""
    copied = round(share * len(clips))
    rows = numpy_generator(0, "sense", "copies").permutation(len(material.training.clips))[:copied]
    return np.concatenate([material.training.clips[rows], clips[copied:]])


def scored(material: Material, clips: np.ndarray, cache: EmbeddingCache) -> dict[tuple[str, str], float]:
    """Every metric in every embedding, against the reference."""
    sets = ClipSets(NamedClips.independent(clips), material.reference, material.training, material.sample_rate)
    scores: Sequence[Score] = score_against_reference(sets, CONFIG, seed=0, cache=cache)
    return {(score.metric, score.embedding): score.value for score in scores}


def follows(values: Sequence[float], worse: Callable[[float], float]) -> float:
    """The rank correlation of a metric with the grade, 1 where it gets worse with every grade; 0 if it never moves."""
    if np.ptp(values) == 0:
        return 0.0
    return float(spearmanr(range(len(values)), [worse(value) for value in values]).statistic)


def page(found: dict[str, list[dict[tuple[str, str], float]]], dataset: str, n: int) -> str:
    """The document."""
    keys = list(next(iter(found.values()))[0])
    lines = []
    for name, by in keys:
        sign = 1 if name in WORSE_IS_MORE else -1
        cells = []
        for sets in found.values():
            values = [values[name, by] for values in sets]
            rank = follows(values, lambda value, sign=sign: sign * value)  # type: ignore[misc]
            text = f"{values[0]:.3g} → {values[-1]:.3g} ({rank:+.2f})"
            cells.append(f"**{text}**" if rank >= FOLLOWS else text)
        lines.append(f"| {metric(name).title.split(' ×')[0]} | {EMBEDDINGS.get(by, by)} | {' | '.join(cells)} |")  # noqa: RUF001
    return "\n".join(
        [
            "# Which metric detects which degradation?",
            "",
            f"Real clips of `{dataset}` instead of generated ones, {n} against the {n} reference clips of the",
            "plan, degraded in five steps; written by `scripts/sense.py`. A cell holds the value of the clips as they",
            "are and at the worst grade, and Spearman's rank correlation with the grade, positive where it gets worse.",
            f"Bold: it follows the grades ({FOLLOWS} or more; 1 is every single one).",
            "",
            f"| metric | embedding | {' | '.join(found)} |",
            f"|:--|:--|{'--:|' * len(found)}",
            *lines,
            "",
            *grades(),
            "",
        ]
    )


def grades() -> list[str]:
    """What the grades of each fault are."""
    return [
        f"Noise of {_list(NOISE_DB)} dB; low-pass at {_list(CUTOFF_HZ)} Hz; clipping at",
        f"{_list(CLIPPED_AT)} of the peak; a tail of {_list(REVERB_DB)} dB and {REVERB_SECONDS} s;",
        f"{_list(KEPT)} of the clips, by leaving out the least similar of {CLASSES} classes",
        "that Ward's clustering finds in log-mel embeddings, always n clips;",
        f"{_list(COPIED)} of the clips copied from the training clips.",
    ]


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


if __name__ == "__main__":
    main()
