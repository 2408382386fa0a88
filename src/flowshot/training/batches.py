"""Batches of clips in an order that a generator decides."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def endless_batches(clips: np.ndarray, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches `[batch, samples]` float32 of `clips: [n, samples]`, shuffled anew in every epoch, without end.

    `clips` may be memory-mapped: a batch reads only its own rows. A set smaller than `batch_size` is repeated
    within a batch, so that every step sees the same number of clips.
    """
    indices = _endless_indices(len(clips), generator)
    while True:
        rows = np.array([next(indices) for _ in range(batch_size)])
        yield torch.from_numpy(np.asarray(clips[rows], dtype=np.float32))


def ordered_batches(clips: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """All of `clips: [n, samples]` once, in order; the last batch may be smaller."""
    for start in range(0, len(clips), batch_size):
        yield torch.from_numpy(np.array(clips[start : start + batch_size], dtype=np.float32))


def evenly_spaced(clips: np.ndarray, count: int) -> np.ndarray:
    """`count` of `clips: [n, samples]`, or all where there are fewer, read into memory.

    They are spread over the whole set, because clips of one source lie side by side.
    """
    return np.array(clips[evenly_spaced_rows(len(clips), count)], dtype=np.float32)


def evenly_spaced_rows(total: int, count: int) -> np.ndarray:
    """Which `count` rows of `total`, or all where there are fewer, `evenly_spaced` takes."""
    count = min(count, total)
    return np.arange(count) * total // count


def _endless_indices(count: int, generator: torch.Generator) -> Iterator[int]:
    while True:
        yield from torch.randperm(count, generator=generator).tolist()
