"""The beginning of a file at one rate and length, with its level as it is: for comparing folders of any audio."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from flowshot.sources.decode import UnusableAudio, mono_blocks, read_format, resampled


@dataclass(frozen=True)
class Excerpt:
    """`audio: [samples]` float32 in [-1, 1]; whether the file went on, or was shorter and something follows it."""

    audio: np.ndarray
    cut: bool
    padded: bool


def read_excerpt(
    path: Path,
    sample_rate: int,
    samples: int,
    pad: Literal["zero", "repeat"] = "zero",
    channels: Literal["mix", "first"] = "mix",
) -> Excerpt:
    """The first `samples` of a file in mono (the mean of its channels, or the first) at `sample_rate`.

    A shorter file is followed by zeros, or by itself again. Unlike preparation it neither looks for an onset nor sets a
    level, and silence is no fault: a comparison must not mend what it judges. Only what exceeds full scale is scaled
    down. Raises UnusableAudio where the file cannot be decoded so far, holds no samples, or NaN or infinity.
    """
    rate = read_format(path)[0]
    parts: list[np.ndarray] = []
    have = 0
    for block in resampled(mono_blocks(path, channels), rate, sample_rate):
        parts.append(block)
        have += len(block)
        if have > samples:
            break
    if have == 0:
        raise UnusableAudio("empty")
    audio = np.concatenate(parts)[:samples]
    audio = audio / np.float32(max(1.0, float(np.abs(audio).max())))
    # np.resize begins again at the beginning, as often as it takes.
    whole = np.resize(audio, samples) if pad == "repeat" else np.pad(audio, (0, samples - len(audio)))
    return Excerpt(whole, cut=have > samples, padded=have < samples)
