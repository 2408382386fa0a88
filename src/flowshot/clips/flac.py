"""Audio as FLAC."""

import io
from pathlib import Path

import numpy as np


def flac_bytes(audio: np.ndarray, sample_rate: int, bits: int = 16) -> bytes:
    """The file's bytes, of `[frames]` or `[frames, channels]`: integers as they are, floats cut off at [-1, 1].

    In memory, because what libsndfile says of a full disk is no OSError, and not always anything.
    """
    import soundfile  # only here: clips must be readable where only torch, numpy and nflows are

    file = io.BytesIO()
    limited = np.clip(audio, -1, 1) if np.issubdtype(audio.dtype, np.floating) else audio
    soundfile.write(file, limited, sample_rate, format="FLAC", subtype=f"PCM_{bits}")
    return file.getvalue()


def write_flac(path: Path, clip: np.ndarray, sample_rate: int) -> None:
    """Write a mono clip, float `[samples]`, as 24-bit FLAC. What exceeds [-1, 1] is clipped.

    Raises:
        ValueError: the clip has another shape, or holds NaN or infinity.
    """
    if clip.ndim != 1 or not np.isfinite(clip).all():
        raise ValueError(f"a clip must be [samples] and finite, found shape {clip.shape}")
    path.write_bytes(flac_bytes(clip, sample_rate, bits=24))
