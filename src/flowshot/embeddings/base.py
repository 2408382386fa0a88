"""What every embedder offers, and what they share: checked clips, windows, resampling."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import Protocol

import numpy as np

from flowshot.errors import FlowshotError

# How much audio is converted at a time: bounds memory, whatever the number and length of the clips.
BATCH_SAMPLES = 2**21


@dataclass(frozen=True)
class ClipPolicy:
    """How a clip becomes what a network hears; part of what a number means, so it is kept with the number.

    A clip is heard in windows of `window` samples (0: the whole clip is one) at the embedder's sample rate, one
    every `hop` samples, the last one padded with zeros. A last window with fewer than `shortest` samples in it is
    left out, unless it is the only one. The windows' embeddings are averaged. Levels are left as they are.
    """

    window: int
    hop: int
    shortest: int = 1

    def starts(self, samples: int) -> list[int]:
        """Where the windows of a clip of `samples` samples begin."""
        if self.window == 0:
            return [0]
        starts = [start for start in range(0, samples, self.hop) if samples - start >= self.shortest]
        return starts or [0]

    def cut(self, clips: np.ndarray) -> np.ndarray:
        """The windows of `clips: [n, samples]`, as `[n, windows, window]`."""
        if self.window == 0:
            return clips[:, None, :]
        windows = np.zeros((len(clips), len(self.starts(clips.shape[1])), self.window), dtype=clips.dtype)
        for i, start in enumerate(self.starts(clips.shape[1])):
            piece = clips[:, start : start + self.window]
            windows[:, i, : piece.shape[1]] = piece
        return windows


class Embedder(Protocol):
    """Turns clips into vectors that a distance can compare."""

    @property
    def name(self) -> str:
        """The name in `params.yaml` and in the tables."""

    @property
    def sample_rate(self) -> int:
        """The rate in Hz that it is made for; clips of other rates are converted."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def policy(self) -> ClipPolicy:
        """How a clip becomes what is embedded."""

    @property
    def weights_sha256(self) -> str:
        """What the vectors depend on beside the clips: the hash of the weights, or of the settings without any."""

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """One vector for each of `clips: [n, samples]` at `sample_rate` Hz, float64 `[n, dimensions]`.

        Raises:
            FlowshotError: a clip is empty or holds NaN or infinity (its index is named), or the embedder cannot run.
        """


def checked_batches(clips: np.ndarray, samples_each: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """The clips `[n, samples]` in float32 pieces of bounded size, each with the index of its first clip.

    `samples_each` is what a clip takes while it is worked on, if that is more than its length.

    Raises:
        FlowshotError: there is no clip, the clips are empty or not `[n, samples]`, or one is not finite.
    """
    if clips.ndim != 2 or clips.size == 0:
        raise FlowshotError(f"embedding: expected clips as [n, samples], found shape {clips.shape}")
    size = max(1, BATCH_SAMPLES // max(clips.shape[1], samples_each or 0))
    for first in range(0, len(clips), size):
        batch = np.asarray(clips[first : first + size], dtype=np.float32)
        require_finite(batch, "clip", first)
        yield first, batch


def require_finite(rows: np.ndarray, what: str, first: int = 0) -> None:
    """Raises FlowshotError that names the first row (counted from `first`) with NaN or infinity in it."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise FlowshotError(
            f"{what} {first + bad[0]} holds NaN or infinity; nothing was left out in its place: mend or remove it"
        )


def resample(clips: np.ndarray, sample_rate: int, to_rate: int) -> np.ndarray:
    """`clips: [n, samples]` converted from `sample_rate` to `to_rate` Hz, float32."""
    if sample_rate == to_rate:
        return clips
    from scipy.signal import resample_poly  # half a second to import, and most datasets never need it

    divisor = gcd(sample_rate, to_rate)
    return resample_poly(clips, to_rate // divisor, sample_rate // divisor, axis=1).astype(np.float32)
