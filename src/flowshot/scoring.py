"""Scores of a set of clips: against held-out real clips, and from what the other stages measured."""

import json
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.config import ScoreConfig
from flowshot.datasets.prepared import PreparedDataset, Split
from flowshot.embeddings.base import description
from flowshot.embeddings.cache import EmbeddingCache
from flowshot.embeddings.registry import embedder
from flowshot.embeddings.usable import embed_sets
from flowshot.errors import FlowshotError
from flowshot.files import write_json
from flowshot.metrics.frechet import frechet_distance
from flowshot.metrics.intervals import (
    bootstrap_kernel_distance,
    mean_standard_error,
    student_interval,
    two_sample_jackknife,
)
from flowshot.metrics.kernel import kernel_distance
from flowshot.metrics.score import NO_EMBEDDING, Score
from flowshot.metrics.spectral import multi_scale_stft_distance
from flowshot.randomness import numpy_generator

# Not the seed of an arm: every arm of a dataset must meet the same reference.
REFERENCE_SEED = 0
DISTANCES = ("fad", "kid")
# What every score has; what else is in its entry are its details.
NUMBER = ("metric", "embedding", "value", "ci_low", "ci_high", "n")
# What `diagnostics.json` of a model says about its latents, from `n` clips, and about its training.
LATENT_DIAGNOSTICS = ("kl", "mutual_information", "marginal_kl", "active_units")
TRAINING_FACTS = ("train_seconds", "parameters", "reconstruction_gap")


@dataclass(frozen=True)
class HeldOutClips:
    """Real clips that no model has seen: `clips: [n, samples]` in [-1, 1], and the source of each."""

    clips: np.ndarray
    groups: list[str]


def reference_clips(prepared: PreparedDataset, seed: int = REFERENCE_SEED) -> HeldOutClips:
    """The test clips that every set is compared with, and that the row `reconstruction` reconstructs in this order.

    `prepared.reference_size` of them, drawn without replacement by `seed`, in the order of the dataset.
    """
    return _held_out(prepared, "test", seed)


def floor_clips(prepared: PreparedDataset, seed: int = REFERENCE_SEED) -> HeldOutClips:
    """As many validation clips: their distance from the reference is what real clips reach."""
    return _held_out(prepared, "valid", seed)


def score_against_reference(
    candidate: np.ndarray,
    reference: np.ndarray,
    reference_groups: Sequence[str],
    sample_rate: int,
    config: ScoreConfig,
    seed: int,
    candidate_groups: Sequence[str] | None = None,
    cache: EmbeddingCache | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
) -> list[Score]:
    """Every distance of `config.metrics` under every embedding, of `candidate` from `reference: [n, samples]`.

    Groups name the source of each clip; without `candidate_groups` each candidate is a source of its own. A
    label that occurs in both sets names one source (a clip and its reconstruction). `seed` is that of the
    jackknife's folds and the bootstrap; values do not depend on it. `names` say what the clips of the sets
    `candidate` and `reference` are called; by default their number in the set.

    Every score says in its `details` which embedder with which weights, libraries and clip policy it used, and which
    clips `config.on_bad_clip` left out.

    Raises:
        FlowshotError: the sets differ in number or length of clips, hold fewer than 2 clips, a clip cannot be
            embedded (unless it is to be skipped), or a metric or embedding is unknown or cannot run.
    """
    _check_sets(candidate, reference, reference_groups, candidate_groups)
    for metric in config.metrics:
        if metric not in DISTANCES:
            raise FlowshotError(f"score.metrics: {metric!r} is no metric; use one of: {', '.join(DISTANCES)}")
    # All of them, before hours may go into the first.
    embedders = [embedder(name, config.policy, config.checkpoints) for name in config.embeddings]
    sets = {"candidate": candidate, "reference": reference}
    names = names or {role: [f"clip {i}" for i in range(len(clips))] for role, clips in sets.items()}
    groups = list(candidate_groups) if candidate_groups is not None else [f"\0{i}" for i in range(len(candidate))]
    cache = cache or EmbeddingCache()
    scores = []
    for each in embedders:
        found = embed_sets(cache, each, sets, sample_rate, config.on_bad_clip == "skip", names)
        groups_x, groups_y = ([of[i] for i in found.rows] for of in (groups, reference_groups))
        details = {**description(each), "skipped": [asdict(one) for one in found.skipped]}
        for metric in config.metrics:
            generator = numpy_generator(seed, "score", metric, each.name)
            score = _fad_score if metric == "fad" else _kid_score
            made = score(found.candidate, found.reference, groups_x, groups_y, each.name, config, generator)
            scores.append(replace(made, details=details))
    return scores


def reconstruction_score(
    reconstructions: np.ndarray, originals: np.ndarray, groups: Sequence[str], confidence: float
) -> Score:
    """`mrstft`: the mean distance of paired clips `[n, samples]`, with a t interval over their sources.

    Raises:
        FlowshotError: the shapes differ, or a clip holds NaN or infinity.
    """
    distances = multi_scale_stft_distance(reconstructions, originals)
    value = float(distances.mean())
    low, high = student_interval(value, mean_standard_error(distances, groups), confidence)
    return Score("mrstft", NO_EMBEDDING, value, low, high, len(distances))


def speed_score(seconds_file: Path) -> Score:
    """`clips_per_second`, from the `seconds.json` that sampling wrote. Raises FlowshotError as `read_numbers`."""
    taken = read_numbers(seconds_file, ("seconds", "clips"))
    if taken["seconds"] <= 0 or taken["clips"] < 1:
        raise FlowshotError(f"{seconds_file}: seconds and clips must be above 0; run `dvc repro` to sample again")
    rate = taken["clips"] / taken["seconds"]
    return Score("clips_per_second", NO_EMBEDDING, rate, None, None, int(taken["clips"]))


def nats_score(nats_file: Path) -> Score:
    """`prior_nats`, the mean negative log-density of held-out latents, from the `nats.json` of a fitted prior.

    Raises FlowshotError as `read_numbers`.
    """
    nats = read_numbers(nats_file, ("prior_nats", "ci_low", "ci_high", "n"))
    return Score("prior_nats", NO_EMBEDDING, nats["prior_nats"], nats["ci_low"], nats["ci_high"], int(nats["n"]))


def diagnostic_scores(diagnostics_file: Path) -> list[Score]:
    """What a model's `diagnostics.json` says of its latents (from its `n` clips) and of its training (from one run)."""
    found = read_numbers(diagnostics_file, ("n", *LATENT_DIAGNOSTICS, *TRAINING_FACTS))
    clips = int(found["n"])
    latents = [Score(name, NO_EMBEDDING, found[name], None, None, clips) for name in LATENT_DIAGNOSTICS]
    return latents + [Score(name, NO_EMBEDDING, found[name], None, None, 1) for name in TRAINING_FACTS]


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """Write scores as a JSON list of objects, whole or not at all: the number, then how it was measured."""
    write_json(path, [score_entry(score) for score in scores])


def score_entry(score: Score) -> dict[str, Any]:
    """A score as one object of JSON, its details beside the number."""
    return {**{name: getattr(score, name) for name in NUMBER}, **score.details}


def read_scores(path: Path) -> list[Score]:
    """Read what `write_scores` wrote. Raises FlowshotError where the file is missing or something else."""
    entries = read_json(path)
    try:
        return [
            Score(
                **{name: entry[name] for name in NUMBER},
                details={name: value for name, value in entry.items() if name not in NUMBER},
            )
            for entry in entries
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise FlowshotError(f"{path}: no list of scores ({error}); run `dvc repro` to write it again") from None


def read_clips(path: Path) -> np.ndarray:
    """The clips `[n, samples]` of a `.npy` file, memory-mapped. Raises FlowshotError where it holds anything else."""
    try:
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise FlowshotError(f"{path}: not found; run `dvc repro` to sample these clips") from None
    except (OSError, ValueError, EOFError) as error:
        raise FlowshotError(f"{path}: no array of clips ({error}); run `dvc repro` to sample them again") from None
    if clips.ndim != 2 or not np.issubdtype(clips.dtype, np.floating):
        raise FlowshotError(f"{path}: expected floating-point clips as [n, samples], found {clips.dtype} {clips.shape}")
    return clips


def read_numbers(path: Path, keys: Sequence[str]) -> dict[str, float]:
    """The numbers under `keys` of a JSON object. Raises FlowshotError where one is missing or no finite number."""
    found = read_json(path)
    for key in keys:
        number = found.get(key) if isinstance(found, dict) else None
        if isinstance(number, bool) or not isinstance(number, int | float) or not np.isfinite(number):
            raise FlowshotError(f"{path}: `{key}` must be a finite number, found {number!r}; run `dvc repro` again")
    return {key: found[key] for key in keys}


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises FlowshotError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FlowshotError(f"{path}: not found; run `dvc repro` to make it") from None
    except (OSError, ValueError) as error:
        raise FlowshotError(f"{path}: cannot be read as JSON ({error}); run `dvc repro` to make it again") from None


def _held_out(prepared: PreparedDataset, split: Split, seed: int) -> HeldOutClips:
    clips, groups = prepared.clips(split), prepared.groups(split)
    drawn = numpy_generator(seed, "held out", split).permutation(len(clips))[: prepared.reference_size]
    chosen = np.sort(drawn)
    return HeldOutClips(np.asarray(clips[chosen]), [groups[i] for i in chosen])


def _check_sets(
    candidate: np.ndarray,
    reference: np.ndarray,
    reference_groups: Sequence[str],
    candidate_groups: Sequence[str] | None,
) -> None:
    if candidate.ndim != 2 or candidate.shape != reference.shape:
        raise FlowshotError(
            f"scoring compares as many clips of the same length: found candidates {candidate.shape} and reference "
            f"{reference.shape} as [clips, samples]; sample as many as the reference has"
        )
    if len(reference) < 2:
        raise FlowshotError(f"scoring needs at least 2 clips in each set, found {len(reference)}; add audio")
    for groups in (reference_groups, candidate_groups):
        if groups is not None and len(groups) != len(reference):
            raise FlowshotError(f"scoring: {len(groups)} source labels for {len(reference)} clips")


def _fad_score(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    embedding: str,
    config: ScoreConfig,
    generator: np.random.Generator,
) -> Score:
    """The interval is for the distance that n clips of each set have on average, bias included."""
    value = frechet_distance(x, y)
    error = two_sample_jackknife(frechet_distance, x, y, groups_x, groups_y, config.folds, generator)
    low, high = student_interval(value, error, config.confidence)
    return Score("fad", embedding, value, None if low is None else max(0.0, low), high, len(x))


def _kid_score(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence[Hashable],
    groups_y: Sequence[Hashable],
    embedding: str,
    config: ScoreConfig,
    generator: np.random.Generator,
) -> Score:
    if min(len(set(groups_x)), len(set(groups_y))) < 2:
        print(
            f"kid ({embedding}): all clips of a set come from one source; they count as independent, without interval",
            file=sys.stderr,
        )
        return Score("kid", embedding, float(kernel_distance(x, y).value()[0]), None, None, len(x))
    distance = kernel_distance(x, y, groups_x, groups_y)
    interval = bootstrap_kernel_distance(distance, config.bootstrap, config.confidence, generator)
    low, high = interval or (None, None)
    return Score("kid", embedding, float(distance.value()[0]), low, high, len(x))
