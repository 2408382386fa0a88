"""Sets of clips with their sources, and the held-out clips that every comparison uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.clips.prepared import PreparedDataset, Split

# Not the seed of an arm: every arm of a dataset must meet the same floor.
REFERENCE_SEED = 0


@dataclass(frozen=True)
class NamedClips:
    """Clips `[n, samples]` in [-1, 1], with the name and source of each."""

    clips: np.ndarray
    names: Sequence[str]
    groups: Sequence[str]

    @classmethod
    def independent(cls, clips: np.ndarray) -> "NamedClips":
        """Clips named by their number, each from a different source."""
        # Groups that no source of another set can be called.
        return cls(clips, [f"clip {i}" for i in range(len(clips))], [f"\0{i}" for i in range(len(clips))])

    def at(self, rows: np.ndarray) -> "NamedClips":
        """The clips at these rows, which ascend."""
        if len(rows) == len(self.names):  # keeps a memory-mapped file one
            return self
        return NamedClips(self.clips[rows], [self.names[row] for row in rows], [self.groups[row] for row in rows])


def reference_clips(prepared: PreparedDataset, split: Split = "test") -> NamedClips:
    """All clips of a held-out split, in order; every arm is compared with `test`."""
    clips, groups = prepared.clips(split), prepared.groups(split)
    return NamedClips(np.asarray(clips), [f"clip {i}" for i in range(len(clips))], groups)
