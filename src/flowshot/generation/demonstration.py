"""What an autoencoder does, to be heard: test clips beside their reconstructions, and walks from one to another."""

from pathlib import Path

import numpy as np
import torch

from flowshot.clips.flac import write_flac
from flowshot.clips.held_out import NamedClips
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.generation.interpolation import interpolate
from flowshot.models.base.autoencoder import Autoencoder

PAIRS = 4  # an even number: a walk joins each two of them
STEPS = 7  # of a walk, its ends among them


def write_demonstration(
    folder: Path,
    model: Autoencoder,
    originals: NamedClips,
    reconstructions: np.ndarray,
    generator: torch.Generator,
    sample_rate: int,
) -> None:
    """Write pairs of `originals` and their `reconstructions: [n, samples]`, and walks between them, as FLAC.

    The pairs lie at equal distances in the set, because neighbours are often takes of one instrument, and are the same
    for every model of a dataset. A small set gives fewer pairs. `0-original.flac` and `0-reconstruction.flac` are the
    first pair, `walk-0-1.flac` is a step of the first walk, and `pairs.json` names the source of each pair.
    """
    rows = np.unique(np.linspace(0, len(reconstructions) - 1, PAIRS).round().astype(int))
    clips = {"original": originals.clips, "reconstruction": reconstructions}
    with writing(folder), whole_folder(folder) as fresh:
        write_json(fresh / "pairs.json", [{"group": originals.groups[row]} for row in rows])
        for pair, row in enumerate(rows):
            for name, each in clips.items():
                write_flac(fresh / f"{pair}-{name}.flac", each[row], sample_rate)
        for walk, (first, second) in enumerate(zip(rows[::2], rows[1::2], strict=False)):
            steps = interpolate(model, originals.clips[first], originals.clips[second], STEPS, generator)
            for step, clip in enumerate(steps):
                write_flac(fresh / f"walk-{walk}-{step}.flac", clip, sample_rate)
