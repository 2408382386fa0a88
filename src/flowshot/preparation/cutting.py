"""Turn a file into clips of one length, rate and level, or take its beginning as it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowshot.preparation.config import DatasetConfig
from flowshot.sources.decode import FileFacts, UnusableAudio, measure, mono_blocks, read_format, resampled

ONSET_DB = -40.0  # a file's sound begins where it first rises above this, relative to its peak
PREROLL_SECONDS = 0.001  # kept in front of that point, so that the attack is whole
RESAMPLER_MARGIN = 0.1  # seconds read past the end of a clip, so that the resampling filter sees what follows
ORDINARY = 1e30  # a peak above it, or below its inverse, has no gain to full scale that float32 can hold precisely

Keep = Callable[["Clip"], None]


@dataclass(frozen=True)
class Clip:
    """A clip in its final form: float32 `[samples]` in [-1, 1]; `seconds` of it are sound, the rest is padding."""

    start: float  # seconds from the beginning of the file
    seconds: float
    samples: np.ndarray


@dataclass(frozen=True)
class Excerpt:
    """`audio: [samples]` float32 in [-1, 1]; whether the file went on, or was shorter and something follows it."""

    audio: np.ndarray
    cut: bool
    padded: bool


def read_clips(path: Path, config: DatasetConfig, keep: Keep) -> tuple[FileFacts, int]:
    """Pass every clip of a file to `keep`, in order.

    With `cut: file` that is one clip from the first sound; with `cut: windows` every whole window. Memory is
    bounded by the length of a clip and of a hop, not by the length of the file. Returns the file's length and format,
    and how many windows were left out as silent.

    Raises UnusableAudio where the file gives no clip; clips handed over before the damage was found do not count.
    """
    return (_one_clip if config.cut == "file" else _windows)(path, config, keep)


def read_excerpt(path: Path, sample_rate: int, samples: int) -> Excerpt:
    """The first `samples` of a file in mono (the mean of its channels) at `sample_rate`.

    A shorter file is padded with zeros. Unlike preparation it neither looks for an onset nor sets a
    level, and silence is allowed: a comparison must not repair what it judges. Only what exceeds full scale is scaled
    down. Raises UnusableAudio where the file cannot be decoded so far, holds no samples, or NaN or infinity.
    """
    rate, _ = read_format(path)
    # One sample more shows whether the file goes on.
    read = _joined(_between(resampled(mono_blocks(path), rate, sample_rate), 0, samples + 1))
    if len(read) == 0:
        raise UnusableAudio("empty")
    audio = read[:samples] / np.float32(max(1.0, float(np.abs(read[:samples]).max())))
    return Excerpt(np.pad(audio, (0, samples - len(audio))), cut=len(read) > samples, padded=len(read) < samples)


def finish(cut: np.ndarray, config: DatasetConfig, cut_off: bool) -> np.ndarray | None:
    """Fade, level and pad with zeros a cut `[<= clip_samples]`; None if it is silent.

    Silence is judged about the mean, so that a constant offset is silent too. A clip is never over full scale.

    Raises UnusableAudio where it holds NaN or infinity, as what is near the largest float32 does once it is resampled.
    """
    if not np.isfinite(cut).all():
        raise UnusableAudio("not_finite")
    if np.abs(cut).max() > ORDINARY:
        cut = _to_peak_1(cut)
    threshold = amplitude(config.silence_db)
    if np.abs(cut - cut.mean()).max() < threshold or np.ptp(cut) == 0:
        return None
    if cut_off:
        cut = fade_out(cut, round(config.fade_seconds * config.sample_rate))
    peak, gain = float(np.abs(cut).max()), 1.0
    if cut_off and peak < threshold:
        return None
    if config.level == "peak":
        if peak < 1 / ORDINARY:
            cut, peak = _to_peak_1(cut), 1.0
        gain = amplitude(config.level_db) / peak
    levelled = np.clip(cut * np.float32(min(gain, 1 / peak)), -1, 1)  # rounding may exceed 1 by one in the last place
    return np.pad(levelled, (0, config.clip_samples - len(cut)))


def fade_out(audio: np.ndarray, samples: int) -> np.ndarray:
    """The last `samples` go to zero along a half cosine."""
    samples = min(samples, len(audio))
    if samples == 0:
        return audio
    faded = audio.copy()
    faded[-samples:] *= (0.5 + 0.5 * np.cos(np.pi * np.arange(1, samples + 1) / samples)).astype(np.float32)
    return faded


def windows(blocks: Iterable[np.ndarray], length: int, hop: int) -> Iterator[tuple[int, np.ndarray]]:
    """Every whole window of a stream: its first sample's position and the window `[length]`."""
    held = np.empty(0, dtype=np.float32)
    position = 0  # of held[0] in the stream
    start = 0  # of the next window
    for block in blocks:
        held = np.concatenate([held, block])
        while start + length <= position + len(held):
            yield start, held[start - position : start - position + length].copy()
            start += hop
        done = min(start - position, len(held))
        held, position = held[done:], position + done


def amplitude(decibels: float) -> float:
    """The amplitude of a level relative to full scale."""
    return float(10 ** (decibels / 20))


def _to_peak_1(audio: np.ndarray) -> np.ndarray:
    """The audio with its peak at 1, computed in float64."""
    wide = audio.astype(np.float64)
    return (wide / np.abs(wide).max()).astype(np.float32)


def _one_clip(path: Path, config: DatasetConfig, keep: Keep) -> tuple[FileFacts, int]:
    whole = measure(path)
    facts, rate = whole.facts, whole.facts.sample_rate
    if facts.seconds < config.minimum_seconds:
        raise UnusableAudio("too_short", facts)
    if whole.peak == 0:
        raise UnusableAudio("silent", facts)

    def blocks() -> Iterable[np.ndarray]:
        return mono_blocks(path) if whole.audio is None else [whole.audio]

    onset = _onset(blocks(), whole.first, whole.peak * amplitude(ONSET_DB))
    start = max(0, onset - round(PREROLL_SECONDS * rate))
    stop = start + int((config.clip_seconds + RESAMPLER_MARGIN) * rate) + 1
    cut = _joined(resampled(_between(blocks(), start, stop), rate, config.sample_rate))[: config.clip_samples]
    left = (whole.frames - start) / rate
    if left < config.minimum_seconds or len(cut) == 0:
        raise UnusableAudio("too_short", facts)
    samples = finish(cut, config, cut_off=left > config.clip_seconds)
    if samples is None:
        raise UnusableAudio("silent", facts)
    keep(Clip(start / rate, len(cut) / config.sample_rate, samples))
    return facts, 0


def _windows(path: Path, config: DatasetConfig, keep: Keep) -> tuple[FileFacts, int]:
    rate, channels = read_format(path)
    decoded = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal decoded
        for block in mono_blocks(path):
            decoded += len(block)
            yield block

    stream = resampled(counted(), rate, config.sample_rate)
    hop = max(1, round(config.hop_seconds * config.sample_rate))
    kept = silent = 0
    for start, cut in windows(stream, config.clip_samples, hop):
        samples = finish(cut, config, cut_off=True)
        if samples is None:
            silent += 1
            continue
        kept += 1
        keep(Clip(start / config.sample_rate, config.clip_samples / config.sample_rate, samples))
    facts = FileFacts(decoded / rate, rate, channels)
    if kept == 0:
        raise UnusableAudio("silent" if silent else "too_short" if decoded else "empty", facts)
    return facts, silent


def _onset(blocks: Iterable[np.ndarray], first: float, threshold: float) -> int:
    position = 0
    for block in blocks:
        with np.errstate(over="ignore"):  # infinitely far from the first sample is loud
            loud = np.abs(block - np.float32(first)) > threshold
        if loud.any():
            return position + int(loud.argmax())
        position += len(block)
    # It was there when the file was measured: two times decoding gave two different things.
    raise UnusableAudio("unreadable")


def _joined(blocks: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=np.float32), *blocks])


def _between(blocks: Iterable[np.ndarray], start: int, stop: int) -> Iterator[np.ndarray]:
    """The samples from `start` to `stop` of a stream; what follows is not read."""
    position = 0
    for block in blocks:
        if position + len(block) > start:
            yield block[max(0, start - position) : stop - position]
        position += len(block)
        if position >= stop:
            return
