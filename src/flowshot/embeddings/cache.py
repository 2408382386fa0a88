"""Embeddings kept on disk, so that the same clips are never embedded twice by the same embedder.

A file's name is a hash of everything that its content depends on: the clips themselves, their sample rate, and
the embedder's name, weights (or settings, where it has none) and clip policy. So an embedder that comes to compute
something else must change one of these; otherwise nothing here goes stale, and deleting any of it costs time only.
"""

import hashlib
import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from flowshot.embeddings.base import BATCH_SAMPLES, Embedder
from flowshot.files import whole_file

DEFAULT_FOLDER = Path(".flowshot/cache/embeddings")
DIGEST_BYTES = hashlib.sha256().digest_size


class EmbeddingCache:
    """Embeds through a folder of `.npy` files, each followed by the SHA-256 of what precedes it."""

    def __init__(self, folder: Path | str = DEFAULT_FOLDER) -> None:
        self.folder = Path(folder)

    def embed(self, embedder: Embedder, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """The embeddings `[n, dimensions]` of `clips: [n, samples]`, from the folder or computed and kept there.

        A damaged file is computed again, with a word on standard error.

        Raises:
            FlowshotError: as the embedder's own `embed`.
        """
        path = self.folder / f"{cache_key(embedder, clips, sample_rate)}.npy"
        if path.exists():
            kept = _read(path)
            if kept is not None:
                return kept
            print(f"{path}: damaged; embedding these clips again", file=sys.stderr)
        embeddings = embedder.embed(clips, sample_rate)
        _write(path, embeddings)
        return embeddings


def cache_key(embedder: Embedder, clips: np.ndarray, sample_rate: int) -> str:
    """The hash of all that the embeddings of `clips: [n, samples]` depend on, in hexadecimal."""
    about = {
        "embedder": embedder.name,
        "weights": embedder.weights_sha256,
        "policy": asdict(embedder.policy),
        "sample_rate": sample_rate,
        "shape": clips.shape,
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    size = max(1, BATCH_SAMPLES // max(1, clips.shape[-1]))
    for first in range(0, len(clips), size):
        digest.update(np.ascontiguousarray(clips[first : first + size], dtype=np.float32).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> np.ndarray | None:
    """The array in a file, or None where the file is not what was written."""
    data = path.read_bytes()
    array, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.sha256(array).digest() != digest:
        return None
    return np.load(io.BytesIO(array), allow_pickle=False)


def _write(path: Path, embeddings: np.ndarray) -> None:
    array = io.BytesIO()
    np.save(array, embeddings, allow_pickle=False)
    with whole_file(path) as fresh:
        fresh.write_bytes(array.getvalue() + hashlib.sha256(array.getvalue()).digest())
