"""From clips to everything that the metrics compare, in one embedding after the other.

A clip that cannot be embedded makes the comparison fail, or is left out and listed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowshot.clips.held_out import NamedClips
from flowshot.core.errors import FlowshotError
from flowshot.scoring.comparison.base import EmbeddedSets
from flowshot.scoring.comparison.registry import NEEDS
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.base import Embedder, UnusableClips, description
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.logmel import MelSpectrogram
from flowshot.scoring.metrics.neighbours import nearest_others, nearest_training

COUNTERPART = "left out, so that both sets keep the same number of clips"


@dataclass(frozen=True)
class ClipSets:
    """Candidates and reference clips of one length, and the clips a model learned from, where they are known.

    `kinds` are the kinds of sound of the reference, clip by clip, where they are known.
    """

    candidate: NamedClips
    reference: NamedClips
    training: NamedClips | None
    sample_rate: int
    kinds: Sequence[str] = ()


def embedded_sets(
    sets: ClipSets, embedders: Sequence[Embedder], config: ScoreConfig, cache: EmbeddingCache
) -> Iterator[tuple[EmbeddedSets, Sequence[str], Mapping[str, Any]]]:
    """The sets in each embedding, the metrics that belong to it, and how it was made, for the record.

    After the embedders comes the mel spectrogram, in which only nearest training clips are looked for. Of sets of equal
    size, the clip at the place of one that is skipped is left out of the other set as well: n stays equal, and pairs (a
    clip and its reconstruction) stay pairs.

    Raises:
        FlowshotError: a clip cannot be embedded (unless `config.on_bad_clip` is to skip), fewer than 2 can be, or an
            embedder cannot run.
    """
    for each in embedders:
        yield _embedded(sets, each, config, cache, config.metrics)
    about_training = [metric for metric in config.metrics if NEEDS.get(metric) == "nearest"]
    if sets.training is not None and about_training:
        mel = MelSpectrogram(sets.reference.clips.shape[1], sets.sample_rate, config.policy)
        yield _embedded(sets, mel, config, cache, about_training)


def skipped_clip(role: str, name: str, reason: str) -> dict[str, str]:
    """One entry of a score's list of clips that do not count."""
    return {"set": role, "clip": name, "reason": reason}


def _embedded(
    sets: ClipSets, each: Embedder, config: ScoreConfig, cache: EmbeddingCache, metrics: Sequence[str]
) -> tuple[EmbeddedSets, Sequence[str], Mapping[str, Any]]:
    pair = {"candidate": sets.candidate, "reference": sets.reference}
    skip, rate = config.on_bad_clip == "skip", sets.sample_rate
    vectors, bad = {}, {}
    for role, one in pair.items():
        vectors[role], bad[role] = _embed(cache, each, one, rate, skip, role)
    if len(sets.candidate.names) == len(sets.reference.names):
        both = dict.fromkeys(sorted(bad["candidate"] | bad["reference"]), COUNTERPART)
        bad = {role: both | reasons for role, reasons in bad.items()}
    rows = {role: np.setdiff1d(np.arange(len(one.names)), list(bad[role])) for role, one in pair.items()}
    if (fewest := min(map(len, rows.values()))) < 2:
        raise FlowshotError(
            f"{each.name}: {fewest} clips of each set can be embedded, but a comparison needs at least 2; "
            "repair the clips or add others"
        )
    skipped = [skipped_clip(role, pair[role].names[row], bad[role][row]) for role in pair for row in sorted(bad[role])]
    candidate, reference = (one.at(rows[role]) for role, one in pair.items())
    (x, x_classes), (y, y_classes) = (np.split(vectors[role][rows[role]], [each.dimensions], axis=1) for role in pair)
    nearest = None
    if sets.training is not None and any(NEEDS.get(metric) == "nearest" for metric in metrics):
        if len(sets.training.names) < 2:
            print(f"{each.name}: copies cannot be looked for among fewer than 2 training clips", file=sys.stderr)
        else:
            training = _embed(cache, each, sets.training, rate, False, "training")[0][:, : each.dimensions]
            apart = cache.keep("nearest others", training, nearest_others)
            of_reference = nearest_training(y, training, apart)
            nearest = (of_reference if np.array_equal(x, y) else nearest_training(x, training, apart), of_reference)
    embedded = EmbeddedSets(
        each.name,
        x,
        y,
        candidate.groups,
        reference.groups,
        nearest=nearest,
        candidate_classes=x_classes if each.classes else None,
        reference_classes=y_classes if each.classes else None,
        candidate_names=candidate.names,
        reference_names=reference.names,
        training_names=() if sets.training is None else sets.training.names,
        reference_kinds=[sets.kinds[row] for row in rows["reference"]] if sets.kinds else (),
    )
    return embedded, metrics, {**description(each), "reference_n": len(reference.names), "skipped": skipped}


def _embed(
    cache: EmbeddingCache, each: Embedder, named: NamedClips, sample_rate: int, skip: bool, role: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Vectors and class scores, whose rows mean nothing for the clips that the second value names."""
    unusable: dict[int, str] = {}
    vectors = np.zeros((len(named.names), each.dimensions + each.classes))
    while len(unusable) < len(vectors):
        rows = np.setdiff1d(np.arange(len(vectors)), list(unusable))
        try:
            # All of them as one set first: a set without bad clips must be found in the cache under its own content.
            vectors[rows] = cache.embed(each, named.at(rows).clips, sample_rate)
            break
        except UnusableClips as error:
            problems = {int(rows[row]): reason for row, reason in error.reasons.items()}
            unusable |= problems
            if not skip:
                first, reason = next(iter(problems.items()))
                more = f", and {len(problems) - 1} more clips cannot be embedded" if len(problems) > 1 else ""
                raise FlowshotError(
                    f"{role}: {named.names[first]} {reason}{more}; no clip was left out: repair or remove it, or set "
                    "on_bad_clip to skip, which lowers n"
                ) from None
        except FlowshotError as error:
            raise FlowshotError(f"{role}: {error}") from None
    return vectors, unusable
