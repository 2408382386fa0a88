"""The embedded dataset: labelled clips of known parameters, made here, without a download.

A clip is a function of its label, its parameters and its noise, `render`; the parameters, which are the dataset's known
factors of variation, are kept beside it in `parameters.csv`.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.core.process import in_processes
from flowshot.core.randomness import numpy_generator
from flowshot.sources.synthesis.signals import TABLES, Values, finish
from flowshot.sources.synthesis.voices import VOICES

# voice(values, sample_rate, generator): audio [samples] of at most one second, at any level; only what is noise in it
# comes from the generator.
Voice = Callable[[Values, int, np.random.Generator], np.ndarray]

PARAMETERS: dict[str, tuple[str, str]] = TABLES["parameters"]  # unit and meaning
FULL_SCALE = 32768  # of 16 bits; the peak of a clip leaves room for it
# What stands before the parameters in parameters.csv; `seed` and `file` name the generator of the clip's noise.
CLIP_COLUMNS = ("file", "kind", "label", "seed")


@dataclass(frozen=True)
class Range:
    """The range of a parameter of a class, and the scale on which it is uniform."""

    low: float
    high: float
    scale: Literal["linear", "log", "integer"] = "linear"

    def at(self, position: float) -> float:
        """The value at `position` in [0, 1], to five digits: what a table shows is then what was played."""
        if self.scale == "integer":
            return float(min(self.high, np.floor(self.low + position * (self.high - self.low + 1))))
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** position
        else:
            value = self.low + (self.high - self.low) * position
        return float(f"{value:.5g}")


@dataclass(frozen=True)
class Instrument:
    """A class of the dataset: its kind (one_shot, effect or music), how it sounds, and the range of each parameter."""

    kind: str
    voice: Voice
    ranges: Mapping[str, Range]


def _instrument(voice: Voice) -> Instrument:
    table = TABLES["classes"][voice.__name__]
    return Instrument(table["kind"], voice, {name: Range(*bounds) for name, bounds in table["ranges"].items()})


INSTRUMENTS = {voice.__name__: _instrument(voice) for voice in VOICES}
CLASSES = tuple(INSTRUMENTS)


@dataclass(frozen=True)
class Clip:
    """One file to be written: where, what, and under which seed."""

    file: str
    label: str
    seed: int

    @property
    def values(self) -> dict[str, float]:
        """The parameters of this clip."""
        return draw_parameters(self.label, numpy_generator(self.seed, "synth", "parameters", self.file))


def draw_parameters(label: str, generator: np.random.Generator) -> dict[str, float]:
    """Parameters for a clip of class `label`, each drawn evenly from its range on its scale."""
    return {name: bounds.at(generator.random()) for name, bounds in INSTRUMENTS[label].ranges.items()}


def render(label: str, parameters: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A clip of class `label`, float64 `[samples]`, of at most one second, peak at -1 dB, silent at both ends.

    The sample rate must be at least 8000 Hz. `generator` gives what is noise in the clip.
    """
    return finish(INSTRUMENTS[label].voice(parameters, sample_rate, generator), sample_rate)


def noise_generator(seed: int, file: str) -> np.random.Generator:
    """The generator of the noise in a clip, from the columns `seed` and `file` of its row in parameters.csv."""
    return numpy_generator(seed, "synth", "noise", file)


def write_clips(
    folder: Path, *, workers: int, clips_per_class: int = 200, sample_rate: int = 44100, seed: int = 0
) -> None:
    """Write `<class>/<class>_0001.flac` ..., 16-bit mono FLAC, and `parameters.csv` into `folder`.

    The audio depends on the seed and the sample rate alone, not on the number of workers.
    """
    files = [
        (label, f"{label}/{label}_{number + 1:04d}.flac") for label in CLASSES for number in range(clips_per_class)
    ]
    clips = [Clip(file, label, seed) for label, file in files]
    for label in CLASSES:
        (folder / label).mkdir(parents=True, exist_ok=True)
    work = partial(_write_clip, folder, sample_rate)
    in_processes(work, clips, workers, "synth", "clip", chunksize=16)
    with (folder / "parameters.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*CLIP_COLUMNS, *PARAMETERS], lineterminator="\n")
        table.writeheader()
        for clip in clips:
            kind = INSTRUMENTS[clip.label].kind
            table.writerow({"file": clip.file, "kind": kind, "label": clip.label, "seed": clip.seed, **clip.values})


def _write_clip(folder: Path, sample_rate: int, clip: Clip) -> None:
    audio = render(clip.label, clip.values, sample_rate, noise_generator(clip.seed, clip.file))
    samples = np.round(audio * FULL_SCALE).astype(np.int16)
    (folder / clip.file).write_bytes(flac_bytes(samples, sample_rate))
