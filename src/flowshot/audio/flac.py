"""Write clips as FLAC, for listening."""

import io
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
    # Encoded in memory: what libsndfile says of a full disk is no OSError, and not always anything.
    encoded = io.BytesIO()
    soundfile.write(encoded, np.clip(clip, -1, 1), sample_rate, format="FLAC", subtype="PCM_24")
    with whole_file(path) as fresh:
        fresh.write_bytes(encoded.getvalue())
