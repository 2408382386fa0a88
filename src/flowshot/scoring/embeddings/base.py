"""What every embedder offers, and what they share: the clip policy, checked clips, windows, resampling."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import gcd
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.scoring.config import PolicyConfig

# How much audio is converted at a time: bounds memory, whatever the number and length of the clips.
BATCH_SAMPLES = 2**21


class UnusableClips(FlowshotError):
    """Clips that cannot be embedded: `reasons` has the index of each one, and why. None was left out."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(sorted(reasons.items()))
        first, reason = next(iter(self.reasons.items()))
        more = f" (and {len(reasons) - 1} more clips cannot be embedded)" if len(reasons) > 1 else ""
        super().__init__(
            f"clip {first} {reason}{more}; nothing was left out in its place: mend or remove it, or set "
            "on_bad_clip to skip"
        )


@dataclass(frozen=True)
class ClipPolicy:
    """How a clip becomes what a network hears; part of what a number means, so it is kept with the number.

    Of several channels the mean is heard (`mix`) or the `first`. The clip is then brought to a `level`, `level_db`
    relative to full scale, of its loudest sample (`peak`) or its root mean square (`rms`), as far as no sample
    exceeds full scale; silence stays silent. It is heard in windows of `window` samples (0: the whole clip is one,
    of at least `least` samples) at the embedder's sample rate, one every `hop` samples. What a window misses
    is filled with zeros or with the same sound again (`pad`). A last window with fewer than `shortest` samples in
    it is left out, unless it is the only one. The windows' embeddings are averaged.
    """

    window: int
    hop: int
    shortest: int = 1
    least: int = 1
    pad: Literal["zero", "repeat"] = "zero"
    level: Literal["none", "peak", "rms"] = "none"
    level_db: float = -1.0
    channels: Literal["mix", "first"] = "mix"

    def starts(self, samples: int) -> list[int]:
        """Where the windows of a clip of `samples` samples begin."""
        if self.window == 0:
            return [0]
        starts = [start for start in range(0, samples, self.hop) if samples - start >= self.shortest]
        return starts or [0]

    def cut(self, clips: np.ndarray) -> np.ndarray:
        """The windows of `clips: [n, samples]`, as `[n, windows, window]`."""
        samples = clips.shape[1]
        window = self.window or max(samples, self.least)
        windows = np.zeros((len(clips), len(self.starts(samples)), window), dtype=clips.dtype)
        for i, start in enumerate(self.starts(samples)):
            piece = clips[:, start : start + window]
            if self.pad == "repeat":
                piece = np.tile(piece, (1, -(-window // piece.shape[1])))[:, :window]
            windows[:, i, : piece.shape[1]] = piece
        return windows

    def mono(self, clips: np.ndarray) -> np.ndarray:
        """`clips: [n, channels, samples]` as `[n, samples]`; those of one channel as they are."""
        if clips.ndim == 2:
            return clips
        return clips[:, 0] if self.channels == "first" else clips.mean(axis=1)

    def levelled(self, clips: np.ndarray) -> np.ndarray:
        """`clips: [n, samples]` at the level."""
        if self.level == "none":
            return clips
        peak = np.abs(clips).max(axis=1, keepdims=True)
        scaled = clips / np.where(peak > 0, peak, 1)  # first, because squares of huge samples would overflow
        loudness = 1.0 if self.level == "peak" else np.sqrt(np.mean(np.square(scaled), axis=1, keepdims=True))
        gain = 10 ** (self.level_db / 20) / np.where(peak > 0, loudness, 1)
        return (scaled * np.minimum(gain, 1)).astype(np.float32)


def clip_policy(
    config: PolicyConfig, sample_rate: int, window: int = 0, shortest: int = 1, least: int = 1
) -> ClipPolicy:
    """The policy of `params.yaml` for a network of `sample_rate` Hz that hears `window` samples at a time.

    A network that hears any length (`window` 0) hears windows of `config.window_seconds`, or the whole clip.
    """
    if not window and config.window_seconds:
        window = max(least, round(config.window_seconds * sample_rate))
    hop = max(1, round(config.hop * window)) if window else 0
    shortest = min(shortest, max(window, 1))
    return ClipPolicy(window, hop, shortest, least, config.pad, config.level, config.level_db, config.channels)


class Embedder(Protocol):
    """Turns clips into vectors that a distance can compare."""

    name: str  # in `params.yaml` and in the tables
    sample_rate: int  # Hz that it is made for; clips of other rates are converted
    dimensions: int  # length of a vector
    policy: ClipPolicy  # how a clip becomes what is embedded
    weights_sha256: str  # of the weights, or of the settings where there are none
    runtime: str  # the libraries that compute the vectors, with their versions

    @property
    def classes(self) -> "Embedder | None":
        """What embeds clips as the scores of classes of sound, where the network knows some."""

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """One vector for each of `clips: [n, samples]` (or `[n, channels, samples]`), float64 `[n, dimensions]`.

        Raises:
            UnusableClips: clips are not finite, or cannot be embedded; it names every one.
            FlowshotError: there is no clip, the clips are empty, or the embedder cannot run.
        """


def description(each: Embedder) -> dict[str, Any]:
    """All that a vector depends on beside its clip, for the cache and for the record of a number."""
    names = ("sample_rate", "dimensions", "weights_sha256", "runtime")
    return {"embedder": each.name, **{name: getattr(each, name) for name in names}, "policy": asdict(each.policy)}


def mean_over_windows(
    clips: np.ndarray,
    sample_rate: int,
    to_rate: int,
    policy: ClipPolicy,
    run: Callable[[np.ndarray], np.ndarray],
    samples_each: int = 0,
) -> np.ndarray:
    """The vectors of `clips`, float64 `[n, dimensions]`: of each clip, the mean of what `run` makes of its windows.

    `run` takes windows `[windows, samples]` at `to_rate` Hz and returns `[windows, dimensions]`. It is given a bounded
    number of samples at a time, `samples_each` being what a clip takes while it is worked on, if that is more
    than its length.

    Raises:
        UnusableClips: clips hold NaN or infinity, or their vectors do; it names every one.
        FlowshotError: there is no clip, or the clips are empty.
    """
    longest = round(clips.shape[-1] * to_rate / sample_rate)
    samples_each = max(samples_each, len(policy.starts(longest)) * policy.window)
    vectors = []
    for batch in checked_batches(clips, samples_each, policy):
        windows = policy.cut(resample(policy.levelled(batch), sample_rate, to_rate))
        made = run(windows.reshape(-1, windows.shape[-1]))
        vectors.append(made.reshape(*windows.shape[:2], -1).astype(np.float64).mean(axis=1))
    embedded = np.concatenate(vectors)
    bad = np.flatnonzero(~np.isfinite(embedded).all(axis=1))
    if len(bad):
        raise UnusableClips({int(row): "has an embedding with NaN or infinity" for row in bad})
    return embedded


def checked_batches(clips: np.ndarray, samples_each: int, policy: ClipPolicy) -> Iterator[np.ndarray]:
    """The clips in mono, `[n, samples]`, in float32 pieces of bounded size; all are checked before the first.

    Raises:
        UnusableClips: clips hold NaN or infinity.
        FlowshotError: there is no clip, the clips are empty, or neither `[n, samples]` nor `[n, channels, samples]`.
    """
    if clips.ndim not in (2, 3) or clips.size == 0:
        raise FlowshotError(
            f"embedding: expected clips as [n, samples] or [n, channels, samples], found shape {clips.shape}"
        )
    size = max(1, BATCH_SAMPLES // max(clips[0].size, samples_each))
    starts = range(0, len(clips), size)

    def batch(first: int) -> np.ndarray:
        # Numbers beyond float32, and means of them, become infinite and are refused as such.
        with np.errstate(over="ignore", invalid="ignore"):
            return policy.mono(np.asarray(clips[first : first + size], dtype=np.float32))

    bad = [first + int(row) for first in starts for row in np.flatnonzero(~np.isfinite(batch(first)).all(axis=1))]
    if bad:
        raise UnusableClips(dict.fromkeys(bad, "holds NaN or infinity"))
    yield from map(batch, starts)


def packaged_file(package: str, file: str, sha256: str, remedy: str) -> Path:
    """A file of weights inside an installed package, found without importing the package.

    Raises:
        FlowshotError: the package is missing, or the file is not the known one; it ends with the remedy.
    """
    found = importlib.util.find_spec(package)
    folders = (found.submodule_search_locations if found else None) or []
    path = next((Path(folder) / file for folder in folders), None)
    if path is None or not path.is_file():
        raise FlowshotError(f"the package {package}, which holds the weights of an embedding, is missing; {remedy}")
    if (found_hash := sha256_of_file(path)) != sha256:
        raise FlowshotError(f"{path} is not the known network, its SHA-256 is {found_hash} and not {sha256}; {remedy}")
    return path


def versions(*packages: str) -> str:
    """The named packages with the versions that are installed, such as `numpy 1.26.4, torch 2.11.0`."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def resample(clips: np.ndarray, sample_rate: int, to_rate: int) -> np.ndarray:
    """`clips: [n, samples]` converted from `sample_rate` to `to_rate` Hz, float32."""
    if sample_rate == to_rate:
        return clips
    from scipy.signal import resample_poly  # half a second to import, and most datasets never need it

    divisor = gcd(sample_rate, to_rate)
    return resample_poly(clips, to_rate // divisor, sample_rate // divisor, axis=1).astype(np.float32)
