"""From clips to everything that the metrics compare, in one embedding after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.comparison.base import EmbeddedSets
from flowshot.scoring.comparison.registry import NEEDS
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.base import Embedder, description
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.logmel import MelSpectrogram
from flowshot.scoring.embeddings.usable import NamedClips, embed_sets


@dataclass(frozen=True)
class ClipSets:
    """Candidates and reference clips of one length, and the clips a model learned from, where they are known."""

    candidate: NamedClips
    reference: NamedClips
    training: NamedClips | None
    sample_rate: int


def embedded_sets(
    sets: ClipSets, embedders: Sequence[Embedder], config: ScoreConfig, cache: EmbeddingCache
) -> Iterator[tuple[EmbeddedSets, Sequence[str], Mapping[str, Any]]]:
    """The sets in each embedding, the metrics that belong to it, and how it was made, for the record.

    After the embedders comes the mel spectrogram, in which only nearest training clips are looked for.

    Raises:
        FlowshotError: a clip cannot be embedded (unless `config.on_bad_clip` is to skip), or an embedder cannot run.
    """
    for each in embedders:
        yield _embedded(sets, each, config, cache, config.metrics)
    about_training = [metric for metric in config.metrics if NEEDS.get(metric) == "training"]
    if sets.training is not None and about_training:
        mel = MelSpectrogram(sets.reference.clips.shape[1], sets.sample_rate, config.policy)
        yield _embedded(sets, mel, config, cache, about_training)


def _embedded(
    sets: ClipSets, each: Embedder, config: ScoreConfig, cache: EmbeddingCache, metrics: Sequence[str]
) -> tuple[EmbeddedSets, Sequence[str], Mapping[str, Any]]:
    needed = {NEEDS.get(metric) for metric in metrics}
    found = embed_sets(cache, each, sets.candidate, sets.reference, sets.sample_rate, config.on_bad_clip == "skip")
    candidate, reference = found.candidate, found.reference
    classes: dict[str, np.ndarray] = {}
    if "candidate_classes" in needed and (classifier := each.classes):
        classes = {
            "candidate_classes": cache.embed(classifier, candidate.clips, sets.sample_rate),
            "reference_classes": cache.embed(classifier, reference.clips, sets.sample_rate),
        }
    training = sets.training if "training" in needed else None
    embedded = EmbeddedSets(
        each.name,
        found.candidate_vectors,
        found.reference_vectors,
        candidate.groups,
        reference.groups,
        training=None if training is None else _embed_training(cache, each, training, sets.sample_rate),
        candidate_names=candidate.names,
        training_names=training.names if training else (),
        **classes,
    )
    about = {**description(each), "reference_n": len(reference.names), "skipped": found.skipped}
    return embedded, metrics, about


def _embed_training(cache: EmbeddingCache, each: Embedder, training: NamedClips, sample_rate: int) -> np.ndarray:
    try:
        return cache.embed(each, training.clips, sample_rate)
    except FlowshotError as error:
        raise FlowshotError(f"training: {error}") from None
