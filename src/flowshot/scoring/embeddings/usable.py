"""What happens to clips that cannot be embedded: the comparison fails and names them, or leaves them out by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.embeddings.base import Embedder, UnusableClips
from flowshot.scoring.embeddings.cache import EmbeddingCache

COUNTERPART = "left out, so that both sets keep the same number of clips"


@dataclass(frozen=True)
class Skipped:
    """One entry of a score's ledger: a clip that does not count, and why."""

    set: str
    clip: str
    reason: str


@dataclass(frozen=True)
class ComparedSets:
    """Embeddings `candidate` and `reference: [n, dimensions]` of the clips at `rows`, and those that were left out."""

    candidate: np.ndarray
    reference: np.ndarray
    rows: np.ndarray
    skipped: list[Skipped]


def embed_sets(
    cache: EmbeddingCache,
    embedder: Embedder,
    sets: Mapping[str, np.ndarray],
    sample_rate: int,
    skip: bool,
    names: Mapping[str, Sequence[str]],
) -> ComparedSets:
    """Embed the sets `candidate` and `reference`, as many clips `[n, samples]` in each; `names` tell each set's clips.

    With `skip`, a clip that cannot be embedded is left out together with the clip at its place in the other set:
    distances compare at equal n only, and pairs stay pairs. For sets that are not paired, that other clip is as
    good as a random one.

    Raises:
        FlowshotError: a clip cannot be embedded (without `skip`), fewer than 2 can be, or the embedder cannot run.
    """
    embedded, unusable = {}, {}
    for role, clips in sets.items():
        embedded[role], unusable[role] = _embed(cache, embedder, clips, sample_rate, skip, role, names)
    bad = {row for reasons in unusable.values() for row in reasons}
    rows = np.array([row for row in range(len(sets["reference"])) if row not in bad], dtype=int)
    if len(rows) < 2:
        raise FlowshotError(
            f"{embedder.name}: {len(rows)} clips of each set can be embedded, but a comparison needs at least 2; "
            "mend the clips or add others"
        )
    skipped = [
        Skipped(role, names[role][row], unusable[role].get(row, COUNTERPART)) for role in sets for row in sorted(bad)
    ]
    return ComparedSets(embedded["candidate"][rows], embedded["reference"][rows], rows, skipped)


def _embed(
    cache: EmbeddingCache,
    embedder: Embedder,
    clips: np.ndarray,
    sample_rate: int,
    skip: bool,
    role: str,
    names: Mapping[str, Sequence[str]],
) -> tuple[np.ndarray, dict[int, str]]:
    """Embeddings `[n, dimensions]`, whose rows mean nothing for the clips that the second value names."""
    unusable: dict[int, str] = {}
    rows = np.arange(len(clips))
    while True:
        try:
            # All of them as one set first: a set without bad clips must be found in the cache under its own content.
            found = cache.embed(embedder, clips if not unusable else clips[rows], sample_rate)
            break
        except UnusableClips as error:
            problems = {int(rows[row]): reason for row, reason in error.reasons.items()}
            if not skip:
                raise FlowshotError(_message(role, names[role], problems)) from None
            unusable |= problems
            rows = np.array([row for row in range(len(clips)) if row not in unusable], dtype=int)
            if not len(rows):
                return np.zeros((len(clips), embedder.dimensions)), unusable
        except FlowshotError as error:
            raise FlowshotError(f"{role}: {error}") from None
    embeddings = np.zeros((len(clips), embedder.dimensions))
    embeddings[rows] = found
    return embeddings, unusable


def _message(role: str, names: Sequence[str], problems: Mapping[int, str]) -> str:
    first, reason = next(iter(problems.items()))
    more = f", and {len(problems) - 1} more clips cannot be embedded" if len(problems) > 1 else ""
    return (
        f"{role}: {names[first]} {reason}{more}; nothing was left out: mend or remove it, or set on_bad_clip to skip, "
        "which lowers n"
    )
