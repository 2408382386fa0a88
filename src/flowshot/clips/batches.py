"""Batches of clips in an order that a generator decides."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


class EndlessBatches(Iterator[Tensor]):
    """Batches `[batch, samples]` float32 of `clips: [n, samples]`, shuffled again in every epoch, without end.

    `clips` may be memory-mapped: a batch reads only its own rows. A set smaller than `batch_size` is repeated within a
    batch, so that every step sees the same number of clips. Nothing but the batches may draw from `generator`, or the
    order cannot be taken up again.
    """

    def __init__(self, clips: np.ndarray, batch_size: int, generator: torch.Generator) -> None:
        self._clips, self._batch_size, self._generator = clips, batch_size, generator
        self._begin_epoch()

    def __next__(self) -> Tensor:
        rows: list[Tensor] = []
        missing = self._batch_size
        while missing > 0:
            if self._position == len(self._order):
                self._begin_epoch()
            rows.append(self._order[self._position : self._position + missing])
            self._position += len(rows[-1])
            missing -= len(rows[-1])
        return torch.from_numpy(np.asarray(self._clips[torch.cat(rows).numpy()], dtype=np.float32))

    def state_dict(self) -> dict[str, Any]:
        """The state that determines the following batches."""
        return {"before_epoch": self._before_epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from this state."""
        self._generator.set_state(state["before_epoch"])
        self._begin_epoch()
        self._position = state["position"]

    def _begin_epoch(self) -> None:
        self._before_epoch = self._generator.get_state()
        self._order = torch.randperm(len(self._clips), generator=self._generator)
        self._position = 0


def ordered_batches(clips: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """All of `clips: [n, samples]` once, in order; the last batch may be smaller."""
    for start in range(0, len(clips), batch_size):
        yield torch.from_numpy(np.array(clips[start : start + batch_size], dtype=np.float32))


def evenly_spaced(clips: np.ndarray, count: int) -> np.ndarray:
    """`count` of `clips: [n, samples]` spread over the whole set, or all where there are fewer, read into memory."""
    return np.array(clips[evenly_spaced_rows(len(clips), count)], dtype=np.float32)


def evenly_spaced_rows(total: int, count: int) -> np.ndarray:
    """Which `count` rows of `total`, or all where there are fewer, `evenly_spaced` takes."""
    count = min(count, total)
    return np.arange(count) * total // count
