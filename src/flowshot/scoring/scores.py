"""Scores of a set of clips: against held-out real clips, in pairs with their originals, and of the clips alone."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.clips.held_out import NamedClips, reference_clips
from flowshot.clips.prepared import PreparedDataset
from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison
from flowshot.scoring.comparison.distances import HEAVY_TAILS
from flowshot.scoring.comparison.embedded import ClipSets, embedded_sets, skipped_clip
from flowshot.scoring.comparison.registry import METRICS, compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.base import Embedder
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.floor import floor_scores, joined
from flowshot.scoring.kinds import kind_scores
from flowshot.scoring.metrics.cdpam import cdpam_distance
from flowshot.scoring.metrics.constant_tone import constant_tone
from flowshot.scoring.metrics.control import control_scores
from flowshot.scoring.metrics.pitch import pitch_kept
from flowshot.scoring.metrics.score import NO_EMBEDDING, NUMBER, Score
from flowshot.scoring.metrics.spectral import log_spectral_distance, multi_scale_stft_distance
from flowshot.scoring.metrics.tonality import tonality
from flowshot.scoring.metrics.waveform import envelope_correlation, si_sdr


def score_arm(
    clips: np.ndarray,
    prepared: PreparedDataset,
    config: ScoreConfig,
    seed: int,
    paired: bool,
    asked: Mapping[str, np.ndarray] | None = None,
) -> list[Score]:
    """Every score of `clips: [n, samples]` that an arm of seed `seed` made.

    Paired clips are reconstructions: clip i is that of clip i of the reference. `asked` holds the values `[n]` that
    they were asked for, by attribute.

    Raises:
        FlowshotError: as `score_against_reference`, or pairs that differ in number.
    """
    reference = reference_clips(prepared)
    if paired and len(clips) != len(reference.clips):
        raise FlowshotError(
            f"{len(clips)} reconstructions of {len(reference.clips)} reference clips; reconstruct them again"
        )
    candidate = replace(reference, clips=clips) if paired else NamedClips.independent(clips)
    kinds = [row.get("kind", "") for row in prepared.rows("test")]
    sets = ClipSets(candidate, reference, training_clips(prepared), prepared.sample_rate, kinds)
    scores = score_against_reference(sets, config, seed) + tone_scores(clips, prepared.sample_rate)
    scores += control_scores(clips, prepared.sample_rate, asked or {}, config.confidence)
    if paired:
        skip = config.on_bad_clip == "skip"
        rate = prepared.sample_rate
        scores += reconstruction_scores(candidate, reference, rate, config.confidence, skip, config.cdpam)
    return scores


def score_floor(prepared: PreparedDataset, config: ScoreConfig, n: int) -> list[Score]:
    """What held-out real clips score against each other, for arms of `n` clips: see `flowshot.scoring.floor`."""
    pool = joined(reference_clips(prepared, "valid"), reference_clips(prepared))
    sets = ClipSets(pool, pool, training_clips(prepared), prepared.sample_rate)
    scores = []
    for embedded, metrics, details in embedded_sets(sets, _embedders(config), config, EmbeddingCache()):
        found = floor_scores(embedded, list(metrics), n, config)
        scores += [replace(score, details={**details, **score.details}) for score in found]
    return scores + tone_scores(pool.clips, prepared.sample_rate)


def training_clips(prepared: PreparedDataset) -> NamedClips:
    """The clips that every model of the dataset learned from."""
    names = [row.get("clip", "") for row in prepared.rows("train")]
    return NamedClips(prepared.clips("train"), names, prepared.groups("train"))


def score_against_reference(
    sets: ClipSets, config: ScoreConfig, seed: int, cache: EmbeddingCache | None = None
) -> list[Score]:
    """Every metric of `config.metrics` under every embedding, of candidates against the reference.

    A source that occurs in both sets is one source (a clip and its reconstruction). `seed` is that of halves, folds and
    signs. Without training clips, copies are not looked for. The sets may differ in number of clips: a score's
    `n` counts the candidates, its detail `reference_n` the reference. Where the reference has several kinds of sound,
    the first embedding also has distances by kind. The `details` also say which embedder with which weights, libraries
    and clip policy was used, and which clips `config.on_bad_clip` left out.

    Raises:
        FlowshotError: the sets differ in the length of clips, hold fewer than 2 clips, a clip cannot be embedded
            (unless it is to be skipped), or a metric or embedding is unknown or cannot run.
    """
    candidate, reference = sets.candidate.clips, sets.reference.clips
    if candidate.ndim != 2 or candidate.shape[1] != reference.shape[1]:
        raise FlowshotError(
            f"scoring compares clips of the same length: found candidates {candidate.shape} and reference "
            f"{reference.shape} as [clips, samples]; sample this arm again"
        )
    if min(len(candidate), len(reference)) < 2:
        raise FlowshotError(
            f"scoring needs at least 2 clips in each set, found {len(candidate)} and {len(reference)}; add audio"
        )
    scores = []
    for embedded, metrics, details in embedded_sets(sets, _embedders(config), config, cache or EmbeddingCache()):

        def draws(metric: str, name: str = embedded.embedding) -> np.random.Generator:
            return numpy_generator(seed, "score", metric, name)

        found = compare(Comparison(embedded, config, draws), metrics)
        if any(HEAVY_TAILS in score.details for score in found):
            print(
                f"{embedded.embedding}: tails are too heavy for intervals and paired tests of FAD and KID; read KAD",
                file=sys.stderr,
            )
        if embedded.embedding == config.embeddings[0]:
            found += kind_scores(embedded, config, seed)
        scores += [replace(score, details={**details, **score.details}) for score in found]
    return scores


def reconstruction_scores(
    reconstructions: NamedClips,
    originals: NamedClips,
    sample_rate: int,
    confidence: float,
    skip: bool = False,
    cdpam: int = 0,
) -> list[Score]:
    """How far each clip is from its original, the clip at its place in `originals`, on average.

    `mrstft`, `log_spectral_distance`, `si_sdr` and `envelope_correlation`, and of the pairs whose original has a pitch
    `voiced_kept` and `pitch_within_50_cents`, with t intervals over their sources; `cdpam` is the number of pairs that
    have that distance too. With `skip`, pairs with NaN or infinity are left out and listed in the scores' `details`.

    Raises:
        FlowshotError: a clip holds NaN or infinity, and is not to be skipped.
    """
    usable = np.isfinite(reconstructions.clips).all(axis=1) & np.isfinite(originals.clips).all(axis=1)
    left_out = [originals.names[row] for row in np.flatnonzero(~usable)]
    reason = "it or its original holds NaN or infinity"
    if left_out and not skip:
        raise FlowshotError(f"reconstruction of {left_out[0]}: {reason}")
    details = {"skipped": [skipped_clip("reconstruction", name, reason) for name in left_out]} if skip else {}
    reconstructions, originals = (each.at(np.flatnonzero(usable)) for each in (reconstructions, originals))
    pairs = reconstructions.clips, originals.clips
    found = {
        "mrstft": multi_scale_stft_distance(*pairs),
        "log_spectral_distance": log_spectral_distance(*pairs),
        "si_sdr": si_sdr(*pairs),
        "envelope_correlation": envelope_correlation(*pairs, sample_rate),
    }
    found["voiced_kept"], found["pitch_within_50_cents"] = pitch_kept(*pairs, sample_rate)
    found["cdpam"] = cdpam_distance(*pairs, sample_rate, cdpam)
    scores = []
    for metric, values in found.items():
        measured = np.flatnonzero(np.isfinite(values))
        if len(measured) == 0:  # no original has a pitch, or the distance is not asked for
            continue
        value, groups = float(values[measured].mean()), [originals.groups[row] for row in measured]
        low, high = student_interval(value, mean_standard_error(values[measured], groups), confidence)
        scores.append(Score(metric, NO_EMBEDDING, value, low, high, len(measured), details))
    return scores


def tone_scores(clips: np.ndarray, sample_rate: int) -> list[Score]:
    """`constant_tone` of `clips: [n, samples]` in dB, with its place in `hertz` among the details, and `tonality`.

    Their n is the number of clips that sound; where none does there is no tone to speak of, and no score.
    """
    decibels, hertz, n = constant_tone(clips, sample_rate)
    if n == 0:
        return []
    tonal = tonality(clips[np.isfinite(clips).all(axis=1)], sample_rate)
    tonal = tonal[np.isfinite(tonal)]
    return [
        Score("constant_tone", NO_EMBEDDING, decibels, None, None, n, {"hertz": hertz}),
        Score("tonality", NO_EMBEDDING, float(tonal.mean()), None, None, len(tonal)),
    ]


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """Write scores as a JSON list of objects, whole or not at all: the number, then how it was measured."""
    write_json(path, [score_entry(score) for score in scores])


def score_entry(score: Score) -> dict[str, Any]:
    """A score as one object of JSON, its details beside the number."""
    return {**{name: getattr(score, name) for name in NUMBER}, **score.details}


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


def _embedders(config: ScoreConfig) -> list[Embedder]:
    """All of them, before hours may go into the first; raises FlowshotError for a metric that is none."""
    for metric in config.metrics:
        if metric not in METRICS:
            raise FlowshotError(f"score.metrics: {metric!r} is not a metric; use one of: {', '.join(METRICS)}")
    return [embedder(name, config.policy, config.checkpoints) for name in config.embeddings]
