"""What an autoencoder does, to be heard: test clips beside their reconstructions, and walks from one to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flowshot.clips.flac import write_flac
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.generation.interpolation import interpolate
from flowshot.models.base.autoencoder import Autoencoder

PAIRS = 4  # an even number: a walk joins each two of them
STEPS = 7  # of a walk, its ends among them


@dataclass(frozen=True)
class Demonstration:
    """Clips of one autoencoder, all float32 `[n, samples]`.

    `originals` and `reconstructions` are pairs, from the sources `groups`; `walks` lead from each even pair to the
    odd one behind it.
    """

    originals: np.ndarray
    reconstructions: np.ndarray
    groups: list[str]
    walks: list[np.ndarray]


def demonstrate(
    model: Autoencoder,
    clips: np.ndarray,
    reconstructions: np.ndarray,
    groups: Sequence[str],
    generator: torch.Generator,
) -> Demonstration:
    """Choose pairs from `clips: [n, samples]` and their `reconstructions`, and walk between them.

    The pairs lie at equal distances in the set, because neighbours are often takes of one instrument, and are the same
    for every model of a dataset. A small set gives fewer pairs.
    """
    rows = np.unique(np.linspace(0, len(clips) - 1, PAIRS).round().astype(int))
    originals = np.asarray(clips[rows])
    walks = [
        interpolate(model, originals[first], originals[first + 1], STEPS, generator)
        for first in range(0, len(rows) - 1, 2)
    ]
    return Demonstration(originals, np.asarray(reconstructions[rows]), [groups[row] for row in rows], walks)


def write_demonstration(folder: Path, shown: Demonstration, sample_rate: int) -> None:
    """Write FLAC files and `pairs.json`, which names the source of each pair, whole or not at all.

    `0-original.flac` and `0-reconstruction.flac` are the first pair, `walk-0-1.flac` is a step of the first walk.
    """
    with writing(folder), whole_folder(folder) as fresh:
        write_json(fresh / "pairs.json", [{"group": group} for group in shown.groups])
        for pair, (original, reconstruction) in enumerate(zip(shown.originals, shown.reconstructions, strict=True)):
            write_flac(fresh / f"{pair}-original.flac", original, sample_rate)
            write_flac(fresh / f"{pair}-reconstruction.flac", reconstruction, sample_rate)
        for walk, clips in enumerate(shown.walks):
            for step, clip in enumerate(clips):
                write_flac(fresh / f"walk-{walk}-{step}.flac", clip, sample_rate)
