"""From clips to everything that the metrics compare, in one embedding after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.comparison.base import EmbeddedSets
from flowshot.scoring.comparison.registry import NEEDS
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.base import Embedder, description
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.classes import class_scores
from flowshot.scoring.embeddings.melspectrogram import MelSpectrogram
from flowshot.scoring.embeddings.usable import ComparedSets, embed_sets


@dataclass(frozen=True)
class NamedClips:
    """Clips `[n, samples]` with what each is called and where it comes from."""

    clips: np.ndarray
    names: Sequence[str]
    groups: Sequence[str]


@dataclass(frozen=True)
class ClipSets:
    """As many candidates as reference clips, and the clips that a model learned from, where they are known."""

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
    about_training = [metric for metric in config.metrics if NEEDS.get(metric) == "training"]
    for each in embedders:
        yield _embedded(sets, each, config, cache, config.metrics)
    if sets.training is not None and about_training:
        mel = MelSpectrogram(sets.reference.clips.shape[1], sets.sample_rate, config.policy)
        yield _embedded(sets, mel, config, cache, about_training)


def _embedded(
    sets: ClipSets, each: Embedder, config: ScoreConfig, cache: EmbeddingCache, metrics: Sequence[str]
) -> tuple[EmbeddedSets, Sequence[str], Mapping[str, Any]]:
    needed = {NEEDS.get(metric) for metric in metrics}
    named = {"candidate": sets.candidate, "reference": sets.reference}
    clips = {role: one.clips for role, one in named.items()}
    names = {role: one.names for role, one in named.items()}
    found = embed_sets(cache, each, clips, sets.sample_rate, config.on_bad_clip == "skip", names)
    classifier = class_scores(each) if "candidate_classes" in needed else None
    classes = {
        role: cache.embed(classifier, one[found.rows], sets.sample_rate) if classifier else None
        for role, one in clips.items()
    }
    training = sets.training if "training" in needed else None
    embedded = EmbeddedSets(
        each.name,
        found.candidate,
        found.reference,
        _of(sets.candidate.groups, found),
        _of(sets.reference.groups, found),
        training=_embed_training(cache, each, training, sets.sample_rate) if training else None,
        candidate_classes=classes["candidate"],
        reference_classes=classes["reference"],
        candidate_names=_of(sets.candidate.names, found),
        training_names=training.names if training else (),
    )
    return embedded, metrics, {**description(each), "skipped": [asdict(one) for one in found.skipped]}


def _embed_training(cache: EmbeddingCache, each: Embedder, training: NamedClips, sample_rate: int) -> np.ndarray:
    try:
        return cache.embed(each, training.clips, sample_rate)
    except FlowshotError as error:
        raise FlowshotError(f"training: {error}") from None


def _of(values: Sequence[str], found: ComparedSets) -> list[str]:
    return [values[row] for row in found.rows]
