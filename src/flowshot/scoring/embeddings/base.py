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
    """Clips that cannot be embedded: `reasons` has the index of each one, and why."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(sorted(reasons.items()))
        first, reason = next(iter(self.reasons.items()))
        more = f" (and {len(reasons) - 1} more clips cannot be embedded)" if len(reasons) > 1 else ""
        super().__init__(f"clip {first} {reason}{more}; mend or remove it, or set on_bad_clip to skip")


@dataclass(frozen=True)
class ClipPolicy:
    """How a clip becomes what a network hears; part of what a number means, so it is kept with the number.

    With the level `peak` a clip is scaled so that its loudest sample has `level_db` relative to full scale; silence
    stays silent. It is heard in windows of `window` samples (0: the whole clip is one, of at least `least` samples) at
    the embedder's sample rate, one every `hop` samples, filled up with zeros. A last window with fewer than `shortest`
    samples in it is left out, unless it is the only one. The windows' embeddings are averaged.
    """

    window: int
    hop: int
    shortest: int = 1
    least: int = 1
    level: Literal["none", "peak"] = "none"
    level_db: float = -1.0

    def starts(self, samples: int) -> list[int]:
        """Where the windows of a clip of `samples` samples begin."""
        if self.window == 0:
            return [0]
        return [start for start in range(0, samples, self.hop) if samples - start >= self.shortest] or [0]

    def cut(self, clips: np.ndarray) -> np.ndarray:
        """The windows of `clips: [n, samples]`, as `[n, windows, window]`."""
        starts, window = self.starts(clips.shape[1]), self.window or max(clips.shape[1], self.least)
        windows = np.zeros((len(clips), len(starts), window), dtype=clips.dtype)
        for i, start in enumerate(starts):
            piece = clips[:, start : start + window]
            windows[:, i, : piece.shape[1]] = piece
        return windows

    def levelled(self, clips: np.ndarray) -> np.ndarray:
        """`clips: [n, samples]` at the level."""
        if self.level == "none":
            return clips
        peak = np.abs(clips).max(axis=1, keepdims=True)
        return (clips / np.where(peak > 0, peak, 1) * 10 ** (self.level_db / 20)).astype(np.float32)


def clip_policy(
    config: PolicyConfig, sample_rate: int, window: int = 0, shortest: int = 1, least: int = 1
) -> ClipPolicy:
    """The policy of `params.yaml` for a network of `sample_rate` Hz that hears `window` samples at a time.

    A network that hears any length (`window` 0) hears windows of `config.window_seconds`, or the whole clip.
    """
    if not window and config.window_seconds:
        window = max(least, round(config.window_seconds * sample_rate))
    hop = max(1, round(config.hop * window)) if window else 0
    return ClipPolicy(window, hop, min(shortest, max(window, 1)), least, config.level, config.level_db)


class Embedder(Protocol):
    """Turns clips into vectors that a distance can compare."""

    name: str  # in `params.yaml` and in the tables
    sample_rate: int  # Hz that it is made for; clips of other rates are converted
    dimensions: int  # length of a vector
    classes: int  # of sound that the network tells apart; their scores follow the vector
    policy: ClipPolicy  # how a clip becomes what is embedded
    weights_sha256: str  # of the weights, or of the settings where there are none
    runtime: str  # the libraries that compute the vectors, with their versions

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """A vector and class scores for each of `clips: [n, samples]`, float64 `[n, dimensions + classes]`.

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
    """The vectors of `clips: [n, samples]`, float64 `[n, columns]`: the mean of what `run` makes of its windows.

    `run` takes windows `[windows, samples]` at `to_rate` Hz and returns `[windows, columns]`. It is given a bounded
    number of samples at a time; `samples_each` is what a clip takes while it is worked on, if more than its length.

    Raises:
        UnusableClips: clips hold NaN or infinity, or their vectors do; it names every one.
        FlowshotError: there is no clip, or the clips are empty.
    """
    longest = round(clips.shape[-1] * to_rate / sample_rate)
    samples_each = max(samples_each, len(policy.starts(longest)) * policy.window)
    vectors = []
    for batch in checked_batches(clips, samples_each):
        windows = policy.cut(resample(policy.levelled(batch), sample_rate, to_rate))
        made = run(windows.reshape(-1, windows.shape[-1]))
        vectors.append(made.reshape(*windows.shape[:2], -1).astype(np.float64).mean(axis=1))
    embedded = np.concatenate(vectors)
    if bad := _not_finite(embedded):
        raise UnusableClips(dict.fromkeys(bad, "has an embedding with NaN or infinity"))
    return embedded


def checked_batches(clips: np.ndarray, samples_each: int = 0) -> Iterator[np.ndarray]:
    """The clips `[n, samples]` in float32 pieces of bounded size; all are checked before the first.

    Raises:
        UnusableClips: clips hold NaN or infinity.
        FlowshotError: there is no clip, the clips are empty, or not `[n, samples]`.
    """
    if clips.ndim != 2 or clips.size == 0:
        raise FlowshotError(f"embedding: expected clips as [n, samples], found shape {clips.shape}")
    size = max(1, BATCH_SAMPLES // max(clips.shape[1], samples_each))
    starts = range(0, len(clips), size)

    def batch(first: int) -> np.ndarray:
        with np.errstate(over="ignore"):  # numbers beyond float32 become infinite and are refused as such
            return np.asarray(clips[first : first + size], dtype=np.float32)

    if bad := [first + row for first in starts for row in _not_finite(batch(first))]:
        raise UnusableClips(dict.fromkeys(bad, "holds NaN or infinity"))
    yield from map(batch, starts)


def _not_finite(rows: np.ndarray) -> list[int]:
    return np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist()


def packaged_file(package: str, file: str, sha256: str, remedy: str) -> Path:
    """A file of weights inside an installed package, found without importing the package.

    Raises:
        FlowshotError: the package is missing, or the file is not the known one; it ends with the remedy.
    """
    found = importlib.util.find_spec(package)
    folders = (found.submodule_search_locations if found else None) or []
    path = next((Path(folder) / file for folder in folders), None)
    if path is None or not path.is_file():
        raise FlowshotError(f"the package {package}, which holds the weights of a network, is missing; {remedy}")
    if (found_hash := sha256_of_file(path)) != sha256:
        raise FlowshotError(
            f"{path} is not the expected network: its SHA-256 is {found_hash} and not {sha256}; {remedy}"
        )
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
