"""Sets of clips. One that cannot be embedded makes the comparison fail, or is left out by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.embeddings.base import Embedder, UnusableClips
from flowshot.scoring.embeddings.cache import EmbeddingCache

COUNTERPART = "left out, so that both sets keep the same number of clips"


@dataclass(frozen=True)
class NamedClips:
    """Clips `[n, samples]` in [-1, 1], what each is called, and the source that each comes from."""

    clips: np.ndarray
    names: Sequence[str]
    groups: Sequence[str]

    @classmethod
    def independent(cls, clips: np.ndarray) -> "NamedClips":
        """Clips known by their number, each a source of its own."""
        # Groups that no source of another set can be called.
        return cls(clips, [f"clip {i}" for i in range(len(clips))], [f"\0{i}" for i in range(len(clips))])

    def at(self, rows: np.ndarray) -> "NamedClips":
        """The clips at these rows."""
        if len(rows) == len(self.names):  # keeps a memory-mapped file one
            return self
        return NamedClips(self.clips[rows], [self.names[row] for row in rows], [self.groups[row] for row in rows])


@dataclass(frozen=True)
class ComparedSets:
    """The clips of both sets that count, with vectors `[n, dimensions]` and `[m, dimensions]`, and the others."""

    candidate: NamedClips
    reference: NamedClips
    candidate_vectors: np.ndarray
    reference_vectors: np.ndarray
    skipped: list[dict[str, str]]


def embed_sets(
    cache: EmbeddingCache,
    embedder: Embedder,
    candidate: NamedClips,
    reference: NamedClips,
    sample_rate: int,
    skip: bool,
) -> ComparedSets:
    """Embed both sets.

    With `skip`, a clip that cannot be embedded is left out. Of sets of equal size, the clip at its place in the other
    set is left out as well: n stays equal, and pairs (a clip and its reconstruction) stay pairs.

    Raises:
        FlowshotError: a clip cannot be embedded (without `skip`), fewer than 2 can be, or the embedder cannot run.
    """
    sets = {"candidate": candidate, "reference": reference}
    vectors, bad = {}, {}
    for role, one in sets.items():
        vectors[role], bad[role] = _embed(cache, embedder, one, sample_rate, skip, role)
    if len(candidate.names) == len(reference.names):
        both = dict.fromkeys(sorted(bad["candidate"] | bad["reference"]), COUNTERPART)
        bad = {role: both | reasons for role, reasons in bad.items()}
    rows = {role: np.setdiff1d(np.arange(len(one.names)), list(bad[role])) for role, one in sets.items()}
    if (fewest := min(map(len, rows.values()))) < 2:
        raise FlowshotError(
            f"{embedder.name}: {fewest} clips of each set can be embedded, but a comparison needs at least 2; "
            "mend the clips or add others"
        )
    skipped = [
        skipped_clip(role, sets[role].names[row], reason) for role in sets for row, reason in sorted(bad[role].items())
    ]
    return ComparedSets(
        candidate.at(rows["candidate"]),
        reference.at(rows["reference"]),
        vectors["candidate"][rows["candidate"]],
        vectors["reference"][rows["reference"]],
        skipped,
    )


def skipped_clip(role: str, name: str, reason: str) -> dict[str, str]:
    """One entry of a score's list of clips that do not count."""
    return {"set": role, "clip": name, "reason": reason}


def _embed(
    cache: EmbeddingCache, embedder: Embedder, named: NamedClips, sample_rate: int, skip: bool, role: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Vectors `[n, dimensions]`, whose rows mean nothing for the clips that the second value names."""
    unusable: dict[int, str] = {}
    vectors = np.zeros((len(named.names), embedder.dimensions))
    while len(unusable) < len(vectors):
        rows = np.setdiff1d(np.arange(len(vectors)), list(unusable))
        try:
            # All of them as one set first: a set without bad clips must be found in the cache under its own content.
            vectors[rows] = cache.embed(embedder, named.at(rows).clips, sample_rate)
            break
        except UnusableClips as error:
            problems = {int(rows[row]): reason for row, reason in error.reasons.items()}
            if not skip:
                raise FlowshotError(_message(role, named.names, problems)) from None
            unusable |= problems
        except FlowshotError as error:
            raise FlowshotError(f"{role}: {error}") from None
    return vectors, unusable


def _message(role: str, names: Sequence[str], problems: Mapping[int, str]) -> str:
    first, reason = next(iter(problems.items()))
    more = f", and {len(problems) - 1} more clips cannot be embedded" if len(problems) > 1 else ""
    return (
        f"{role}: {names[first]} {reason}{more}; nothing was left out: mend or remove it, or set on_bad_clip to skip, "
        "which lowers n"
    )
