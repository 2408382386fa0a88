"""Sets of clips with their sources, and the held-out ones that every comparison of a dataset uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.clips.prepared import PreparedDataset, Split
from flowshot.core.randomness import numpy_generator

# Not the seed of an arm: every arm of a dataset must meet the same reference.
REFERENCE_SEED = 0


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


def reference_clips(prepared: PreparedDataset, seed: int = REFERENCE_SEED) -> NamedClips:
    """The test clips that every set is compared with, and that the row `reconstruction` reconstructs in this order:
    `prepared.reference_size` of them, drawn without replacement by `seed`, in the order of the dataset.
    """
    return _held_out(prepared, "test", seed)


def floor_clips(prepared: PreparedDataset, seed: int = REFERENCE_SEED) -> NamedClips:
    """As many validation clips: their distance from the reference is what real clips reach."""
    return _held_out(prepared, "valid", seed)


def _held_out(prepared: PreparedDataset, split: Split, seed: int) -> NamedClips:
    clips, groups = prepared.clips(split), prepared.groups(split)
    drawn = numpy_generator(seed, "held out", split).permutation(len(clips))[: prepared.reference_size]
    chosen = np.sort(drawn)
    names = [f"clip {i}" for i in range(len(chosen))]
    return NamedClips(np.asarray(clips[chosen]), names, [groups[i] for i in chosen])
