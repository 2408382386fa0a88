"""The embedded dataset: labelled clips of known parameters, made here, without a download.

A clip is a function of its label, its parameters and its noise, `render`; the parameters are kept beside it in
`parameters.csv`, so that what varies in the dataset is known.
"""

import csv
import multiprocessing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from flowshot.clips.flac import flac_bytes
from flowshot.core.files import whole_file
from flowshot.core.randomness import numpy_generator
from flowshot.sources.synthesis.drums import DRUMS
from flowshot.sources.synthesis.effects import EFFECTS
from flowshot.sources.synthesis.envelopes import finish
from flowshot.sources.synthesis.music import MUSIC
from flowshot.sources.synthesis.parameters import PARAMETERS, Instrument, Values

INSTRUMENTS: dict[str, Instrument] = DRUMS | EFFECTS | MUSIC
CLASSES: tuple[str, ...] = tuple(INSTRUMENTS)
FULL_SCALE = 32768  # of 16 bits; the peak of a clip leaves room for it

# What stands before the parameters in parameters.csv; `seed` and `file` name the generator of the clip's noise.
CLIP_COLUMNS = ("file", "kind", "label", "seed")


@dataclass(frozen=True)
class Clip:
    """One file to be written: where, what, and under which seed."""

    file: str
    label: str
    seed: int

    @property
    def values(self) -> dict[str, float]:
        """The parameters that this clip was dealt."""
        return draw_parameters(self.label, numpy_generator(self.seed, "synth", "parameters", self.file))


def draw_parameters(label: str, generator: np.random.Generator) -> dict[str, float]:
    """Parameters for a clip of class `label`, each drawn evenly from its range on its scale."""
    return {name: bounds.at(generator.random()) for name, bounds in INSTRUMENTS[label].ranges.items()}


def render(label: str, parameters: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A clip of class `label`, float64 `[samples]`, of at most one second, peak at -1 dB, silent at both ends.

    Args:
        label: one of CLASSES.
        parameters: those of that class.
        sample_rate: samples per second, at least 8000.
        generator: of what is noise in the clip; a generator in the same state gives the same clip.
    """
    return finish(INSTRUMENTS[label].voice(parameters, sample_rate, generator), sample_rate)


def noise_generator(seed: int, file: str) -> np.random.Generator:
    """The generator of the noise in a clip, from the columns `seed` and `file` of its row in parameters.csv."""
    return numpy_generator(seed, "synth", "noise", file)


def write_clips(
    folder: Path, *, workers: int, clips_per_class: int = 200, sample_rate: int = 44100, seed: int = 0
) -> None:
    """Write `<class>/<class>_0001.flac` ..., 16-bit mono FLAC, and `parameters.csv` into `folder`.

    The audio depends on the seed and the sample rate alone, not on the number of workers. `parameters.csv` is
    written last: where it is, all clips are.

    Args:
        folder: made where it is missing; who wants all or nothing passes a `whole_folder`.
        workers: processes to spread the work over.
        clips_per_class: how many clips each class gets.
        sample_rate: samples per second, at least 8000.
        seed: of parameters and noise.
    """
    clips = [
        Clip(f"{label}/{label}_{number:04d}.flac", label, seed)
        for label in CLASSES
        for number in range(1, clips_per_class + 1)
    ]
    for label in CLASSES:
        (folder / label).mkdir(parents=True, exist_ok=True)
    work = partial(_write_clip, folder, sample_rate)
    for _ in tqdm(_in_processes(work, clips, workers), total=len(clips), desc="synth", unit="clip", disable=None):
        pass
    _write_table(folder / "parameters.csv", clips)


def _write_clip(folder: Path, sample_rate: int, clip: Clip) -> None:
    audio = render(clip.label, clip.values, sample_rate, noise_generator(clip.seed, clip.file))
    samples = np.round(audio * FULL_SCALE).astype(np.int16)
    (folder / clip.file).write_bytes(flac_bytes(samples, sample_rate))


def _in_processes(work: partial[None], clips: list[Clip], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(work, clips)
        return
    # Spawned, not forked: the process that asks may hold threads (of torch), and a fork of those can hang.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(work, clips, chunksize=16)


def _write_table(path: Path, clips: Iterable[Clip]) -> None:
    with whole_file(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*CLIP_COLUMNS, *PARAMETERS], lineterminator="\n")
        table.writeheader()
        for clip in clips:
            kind = INSTRUMENTS[clip.label].kind
            table.writerow({"file": clip.file, "kind": kind, "label": clip.label, "seed": clip.seed, **clip.values})
