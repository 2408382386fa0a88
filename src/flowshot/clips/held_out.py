"""The held-out clips that every comparison of a dataset uses."""

from dataclasses import dataclass

import numpy as np

from flowshot.clips.prepared import PreparedDataset, Split
from flowshot.core.randomness import numpy_generator

# Not the seed of an arm: every arm of a dataset must meet the same reference.
REFERENCE_SEED = 0


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


def _held_out(prepared: PreparedDataset, split: Split, seed: int) -> HeldOutClips:
    clips, groups = prepared.clips(split), prepared.groups(split)
    drawn = numpy_generator(seed, "held out", split).permutation(len(clips))[: prepared.reference_size]
    chosen = np.sort(drawn)
    return HeldOutClips(np.asarray(clips[chosen]), [groups[i] for i in chosen])
