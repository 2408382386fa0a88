"""Write clips as FLAC, for listening."""

from pathlib import Path

import numpy as np
import soundfile

from flowshot.files import whole_file


def write_flac(path: Path, clip: np.ndarray, sample_rate: int) -> None:
    """Write a mono clip, float `[samples]`, as 24-bit FLAC, whole or not at all. What exceeds [-1, 1] is clipped.

    Raises:
        ValueError: the clip has another shape, or holds NaN or infinity.
    """
    if clip.ndim != 1 or not np.isfinite(clip).all():
        raise ValueError(f"a clip must be [samples] and finite, found shape {clip.shape}")
    with whole_file(path) as fresh:
        soundfile.write(fresh, np.clip(clip, -1, 1), sample_rate, format="FLAC", subtype="PCM_24")
