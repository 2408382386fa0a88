"""Scores of a set of clips: against held-out real clips, and from what the other stages measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.clips.prepared import PreparedDataset, Split
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, write_json
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison
from flowshot.scoring.comparison.embedded import ClipSets, NamedClips, embedded_sets
from flowshot.scoring.comparison.registry import METRICS, compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.embeddings.usable import Skipped
from flowshot.scoring.metrics.constant_tone import constant_tone
from flowshot.scoring.metrics.score import NO_EMBEDDING, Score
from flowshot.scoring.metrics.spectral import log_spectral_distance, multi_scale_stft_distance
from flowshot.scoring.metrics.waveform import envelope_correlation, si_sdr

# Not the seed of an arm: every arm of a dataset must meet the same reference.
REFERENCE_SEED = 0
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


def training_clips(prepared: PreparedDataset) -> NamedClips:
    """The clips that every model of the dataset learned from."""
    names = [row.get("clip", "") for row in prepared.rows("train")]
    return NamedClips(prepared.clips("train"), names, prepared.groups("train"))


def score_against_reference(
    candidate: np.ndarray,
    reference: np.ndarray,
    reference_groups: Sequence[str],
    sample_rate: int,
    config: ScoreConfig,
    seed: int,
    candidate_groups: Sequence[str] | None = None,
    cache: EmbeddingCache | None = None,
    training: NamedClips | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
) -> list[Score]:
    """Every metric of `config.metrics` under every embedding, of `candidate` against `reference: [n, samples]`.

    Groups name the source of each clip; without `candidate_groups` each candidate is a source of its own. A
    label that occurs in both sets names one source (a clip and its reconstruction). `seed` is that of halves, folds,
    resamples and permutations; values of other metrics than FAD-infinity and p-values do not depend on it. `training`
    are the clips that a model learned from: without them, copies are not looked for. `names` say what the clips of
    the sets `candidate` and `reference` are called; by default their number in the set.

    Every score says in its `details` which embedder with which weights, libraries and clip policy it used, and which
    clips `config.on_bad_clip` left out.

    Raises:
        FlowshotError: the sets differ in number or length of clips, hold fewer than 2 clips, a clip cannot be
            embedded (unless it is to be skipped), or a metric or embedding is unknown or cannot run.
    """
    _check_sets(candidate, reference, reference_groups, candidate_groups)
    for metric in config.metrics:
        if metric not in METRICS:
            raise FlowshotError(f"score.metrics: {metric!r} is no metric; use one of: {', '.join(METRICS)}")
    # All of them, before hours may go into the first.
    embedders = [embedder(name, config.policy, config.checkpoints) for name in config.embeddings]
    names = names or {role: [f"clip {i}" for i in range(len(reference))] for role in ("candidate", "reference")}
    # Labels that nothing else can equal.
    groups = candidate_groups if candidate_groups is not None else [f"\0{i}" for i in range(len(candidate))]
    sets = ClipSets(
        NamedClips(candidate, names["candidate"], groups),
        NamedClips(reference, names["reference"], reference_groups),
        training,
        sample_rate,
    )
    scores = []
    for embedded, metrics, details in embedded_sets(sets, embedders, config, cache or EmbeddingCache()):

        def draws(metric: str, name: str = embedded.embedding) -> np.random.Generator:
            return numpy_generator(seed, "score", metric, name)

        found = compare(Comparison(embedded, config, draws), metrics)
        scores += [replace(score, details={**details, **score.details}) for score in found]
    return scores


def reconstruction_scores(
    reconstructions: np.ndarray,
    originals: np.ndarray,
    groups: Sequence[str],
    sample_rate: int,
    confidence: float,
    skip: bool = False,
) -> list[Score]:
    """How far each of the paired clips `[n, samples]` is from its original, on average.

    `mrstft`, `log_spectral_distance`, `si_sdr` and `envelope_correlation`, with t intervals over their sources. With
    `skip`, pairs with NaN or infinity are left out and listed in the scores' `details`.

    Raises:
        FlowshotError: the shapes differ, or a clip holds NaN or infinity.
    """
    details: dict[str, Any] = {}
    if skip:
        usable = np.isfinite(reconstructions).all(axis=1) & np.isfinite(originals).all(axis=1)
        reason = "it or its original holds NaN or infinity"
        left_out = [asdict(Skipped("reconstruction", f"clip {row}", reason)) for row in np.flatnonzero(~usable)]
        details = {"skipped": left_out}
        reconstructions, originals = reconstructions[usable], originals[usable]
        groups = [group for group, kept in zip(groups, usable, strict=True) if kept]
    found = {
        "mrstft": multi_scale_stft_distance(reconstructions, originals),
        "log_spectral_distance": log_spectral_distance(reconstructions, originals),
        "si_sdr": si_sdr(reconstructions, originals),
        "envelope_correlation": envelope_correlation(reconstructions, originals, sample_rate),
    }
    scores = [_mean_score(metric, values, groups, confidence) for metric, values in found.items()]
    return [replace(score, details=details) for score in scores]


def tone_scores(clips: np.ndarray, sample_rate: int) -> list[Score]:
    """`constant_tone` of `clips: [n, samples]` in dB, with its place in `hertz` among the details.

    Its n is the number of clips that sound; where none does there is no tone to speak of, and no score.
    """
    tone = constant_tone(clips, sample_rate)
    if tone.clips == 0:
        return []
    return [Score("constant_tone", NO_EMBEDDING, tone.decibels, None, None, tone.clips, {"hertz": tone.hertz})]


def speed_score(seconds_file: Path) -> Score:
    """`clips_per_second`, from the `seconds.json` that sampling wrote. Raises FlowshotError as `read_numbers`."""
    taken = read_numbers(seconds_file, ("seconds", "clips"))
    if taken["seconds"] <= 0 or taken["clips"] < 1:
        raise FlowshotError(f"{seconds_file}: seconds and clips must be above 0; run `dvc repro` to sample again")
    rate = taken["clips"] / taken["seconds"]
    return Score("clips_per_second", NO_EMBEDDING, rate, None, None, int(taken["clips"]))


def nats_scores(nats_file: Path) -> list[Score]:
    """What the `nats.json` of a fitted prior says of held-out latents, which all priors of a model are judged by.

    `prior_nats` is their mean negative log-density for each clip, `prior_bits` the same in bits for each of the
    `dimensions` of a latent. Raises FlowshotError as `read_numbers`; without an interval there is none.
    """
    nats = read_json(nats_file)
    found = numbers_of(nats, nats_file, ("prior_nats", "n", "dimensions"))
    per_bit = found["dimensions"] * math.log(2)
    ends = (nats.get("ci_low"), nats.get("ci_high"))
    scores = []
    for metric, unit in (("prior_nats", 1.0), ("prior_bits", per_bit)):
        low, high = (None if end is None else end / unit for end in ends)
        scores.append(Score(metric, NO_EMBEDDING, found["prior_nats"] / unit, low, high, int(found["n"])))
    return scores


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
    return numbers_of(read_json(path), path, keys)


def numbers_of(found: Any, path: Path, keys: Sequence[str]) -> dict[str, float]:
    """As `read_numbers`, of what was read from `path`."""
    for key in keys:
        number = found.get(key) if isinstance(found, dict) else None
        if isinstance(number, bool) or not isinstance(number, int | float) or not np.isfinite(number):
            raise FlowshotError(f"{path}: `{key}` must be a finite number, found {number!r}; run `dvc repro` again")
    return {key: found[key] for key in keys}


def _held_out(prepared: PreparedDataset, split: Split, seed: int) -> HeldOutClips:
    clips, groups = prepared.clips(split), prepared.groups(split)
    drawn = numpy_generator(seed, "held out", split).permutation(len(clips))[: prepared.reference_size]
    chosen = np.sort(drawn)
    return HeldOutClips(np.asarray(clips[chosen]), [groups[i] for i in chosen])


def _mean_score(metric: str, values: np.ndarray, groups: Sequence[str], confidence: float) -> Score:
    value = float(values.mean())
    low, high = student_interval(value, mean_standard_error(values, groups), confidence)
    return Score(metric, NO_EMBEDDING, value, low, high, len(values))


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
