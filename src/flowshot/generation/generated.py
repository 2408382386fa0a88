"""Generated clips, and how they are written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowshot.clips.flac import write_flac
from flowshot.core.files import whole_folder, writing

# Clips of each arm that are kept for listening.
LISTEN = 16


@dataclass(frozen=True)
class Generated:
    """`clips: [n, samples]` float32 in [-1, 1], and the seconds it took to make them."""

    clips: np.ndarray
    seconds: float


def write_generated(folder: Path, generated: Generated, sample_rate: int) -> None:
    """Write `clips.npy` and the first clips as FLAC under `listen/`, whole or not at all."""
    with writing(folder), whole_folder(folder) as fresh:
        np.save(fresh / "clips.npy", generated.clips.astype(np.float32))
        (fresh / "listen").mkdir()
        for index, clip in enumerate(generated.clips[:LISTEN]):
            write_flac(fresh / "listen" / f"{index:02d}.flac", clip, sample_rate)
