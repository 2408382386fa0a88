"""Sounds of the page as files beside it, each with its waveform and its spectrogram, within a budget of bytes."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import soundfile

from flowshot.clips.flac import flac_bytes
from flowshot.core.errors import FlowshotError
from flowshot.report.spectrogram import decibel_spectrogram

# What all sounds of a page may take; pictures and the page itself need the rest of 30 MB.
BUDGET = 20_000_000
# Above it sounds are MP3, at one of these rates.
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
WAVEFORM_COLUMNS, WAVEFORM_HEIGHT = 100, 32
PICTURE_WIDTH, PICTURE_HEIGHT = 160, 64
SHADES = 48  # of a spectrogram; more are not told apart, and cost bytes
FLOOR_DB = -80.0


class Sound(NamedTuple):
    """A sound as the page shows it: addresses relative to the page, and the outline of its waveform."""

    address: str
    picture: str
    waveform: str


@dataclass
class Shelf:
    """All sounds of a page: `add` them, then `write` their files. One path holds one sound, however often it is shown.

    `folder` is that of the page, where the files go; `budget` the bytes that the sounds may take together.
    """

    folder: Path
    budget: int = BUDGET
    clips: dict[str, tuple[np.ndarray, int]] = field(default_factory=dict)

    def add(self, path: str, clip: np.ndarray, sample_rate: int) -> str:
        """Put a clip `[samples]` on the shelf under a path without suffix, e.g. `fx/sounds/reference/0`; returns it."""
        self.clips.setdefault(path, (np.asarray(clip), sample_rate))
        return path

    def write(self) -> dict[str, Sound]:
        """Write every sound and its picture; returns them by path."""
        written = {}
        for path, (clip, rate) in self.clips.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.with_name(f"{target.name}.{self.format}").write_bytes(_encoded(clip, rate, self.format))
            write_spectrogram(target.with_name(f"{target.name}.png"), clip, rate)
            addresses = quote(f"{path}.{self.format}"), quote(f"{path}.png")
            written[path] = Sound(*addresses, waveform_outline(clip))
        return written

    @cached_property
    def format(self) -> str:
        """`flac`, or `mp3` where FLAC would go over the budget."""
        sizes = accumulate(len(_encoded(clip, rate, "flac")) for clip, rate in self.clips.values())
        return "mp3" if any(size > self.budget for size in sizes) else "flac"


def read_sounds(files: list[Path]) -> Iterator[tuple[np.ndarray, int]]:
    """Each file as `[samples]` with its rate; raises FlowshotError where one is damaged."""
    for file in files:
        try:
            clip, rate = soundfile.read(file, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise FlowshotError(f"{file}: cannot be decoded ({error}); run `dvc repro --force` for its stage") from None
        yield clip.mean(axis=1), int(rate)


def waveform_outline(clip: np.ndarray) -> str:
    """The highest and lowest samples of `clip: [samples]` as a closed SVG path, at most 100 by 32."""
    columns = np.array_split(clip, min(WAVEFORM_COLUMNS, len(clip)))
    middle = WAVEFORM_HEIGHT / 2
    # Half a unit at least, so that silence is a line and not nothing.
    upper = [middle - max(float(column.max()), 0.0) * (middle - 0.5) - 0.5 for column in columns]
    lower = [middle - min(float(column.min()), 0.0) * (middle - 0.5) + 0.5 for column in columns]
    there = [f"{x} {y:.1f}" for x, y in enumerate(upper)]
    back = [f"{x} {y:.1f}" for x, y in reversed(list(enumerate(lower)))]
    return f"M{'L'.join(there + back)}Z"


def write_spectrogram(path: Path, clip: np.ndarray, sample_rate: int) -> None:
    """Write a small PNG of `clip: [samples]`: time to the right, frequency upwards, 80 dB from dark to bright."""
    from PIL import Image  # imported here: few who import this module draw

    _, _, levels = decibel_spectrogram(clip, sample_rate, FLOOR_DB)
    shades = np.round((levels / -FLOOR_DB + 1) * (SHADES - 1)).astype(np.uint8)
    shrunk = _pooled(_pooled(shades[::-1], PICTURE_HEIGHT).T, PICTURE_WIDTH).T
    picture = Image.fromarray(np.ascontiguousarray(shrunk), mode="P")
    picture.putpalette(_palette())
    picture.save(path, format="PNG", compress_level=9)


def _pooled(values: np.ndarray, rows: int) -> np.ndarray:
    """The largest value of each of `rows` groups of rows; fewer rows are repeated."""
    edges = np.linspace(0, len(values), rows + 1)
    spans = zip(np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int), strict=True)
    return np.stack([values[a : max(b, a + 1)].max(axis=0) for a, b in spans])


def _palette() -> bytes:
    # Imported here because matplotlib takes most of a second.
    from matplotlib import colormaps

    return (colormaps["magma"](np.linspace(0, 1, SHADES))[:, :3] * 255).round().astype(np.uint8).tobytes()


def _encoded(clip: np.ndarray, sample_rate: int, format: str) -> bytes:
    """A file's bytes; equal clips give equal bytes, which Ogg (with its random serial numbers) would not."""
    if format == "flac":
        return flac_bytes(clip, sample_rate)
    # The lowest rate of MP3 that keeps every frequency, or 48 kHz, which keeps all that is heard.
    rate = next((known for known in MP3_RATES if known >= sample_rate), MP3_RATES[-1])
    if rate != sample_rate:
        import soxr  # imported here: few rates need it

        clip = soxr.resample(clip, sample_rate, rate)
    file = io.BytesIO()
    soundfile.write(file, np.clip(clip, -1, 1), rate, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()
