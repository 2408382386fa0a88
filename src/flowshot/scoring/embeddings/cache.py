"""Embeddings kept on disk, so that the same clips are never embedded twice by the same embedder.

A file's name is a hash of the clips, their sample rate, and the embedder's name, weights, libraries and clip policy. So
nothing becomes stale, and deleting costs time only. What was used longest ago is deleted when the folder is too large.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from flowshot.core.files import whole_file
from flowshot.scoring.embeddings.base import BATCH_SAMPLES, Embedder, description

DEFAULT_FOLDER = Path(".flowshot/cache/embeddings")
LARGEST_BYTES = 2**34  # five seeds of the plan `thesis`, at 150 MB an arm of 4,000 clips


class EmbeddingCache:
    """Embeds through a folder of `.npy` files.

    Processes may share it: where two want the same embeddings at once, one of them waits for the other's.
    """

    def __init__(self, folder: Path | str = DEFAULT_FOLDER, largest_bytes: int = LARGEST_BYTES) -> None:
        self.folder = Path(folder)
        self.largest_bytes = largest_bytes

    def embed(self, embedder: Embedder, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """What `embedder` makes of `clips: [n, samples]`, from the folder or computed and kept there.

        A damaged file is computed again, with a word on standard error.

        Raises:
            UnusableClips, FlowshotError: as the embedder's own `embed`.
        """
        return self._kept(cache_key(embedder, clips, sample_rate), lambda: embedder.embed(clips, sample_rate))

    def keep(self, name: str, vectors: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """`compute(vectors)` from the folder, or computed and kept there; `name` says what it is."""
        digest = hashlib.sha256(f"{name} {vectors.shape} {vectors.dtype}".encode())
        digest.update(np.ascontiguousarray(vectors).data)
        return self._kept(digest.hexdigest(), lambda: compute(vectors))

    def _kept(self, key: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        path = self.folder / f"{key}.npy"
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            try:
                kept = _read(path)
                if kept is None:
                    kept = compute()
                    with whole_file(path) as fresh, fresh.open("wb") as file:
                        np.save(file, kept, allow_pickle=False)
                    self._prune(path)
            finally:
                # While it is held: who waits for it makes a new one, and at worst embeds once more.
                path.with_suffix(".lock").unlink(missing_ok=True)
        return kept

    def _prune(self, newest: Path) -> None:
        """Delete what was used longest ago until the folder is small enough; `newest` stays in any case."""
        entries = []
        for path in self.folder.glob("*.npy"):
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total > self.largest_bytes and path != newest:
                path.unlink(missing_ok=True)
                total -= size


def cache_key(embedder: Embedder, clips: np.ndarray, sample_rate: int) -> str:
    """The hash of all that the embeddings of `clips: [n, samples]` depend on, in hexadecimal."""
    about = {**description(embedder), "clips_sample_rate": sample_rate, "shape": clips.shape}
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    size = max(1, BATCH_SAMPLES // max(1, clips.shape[-1]))
    for first in range(0, len(clips), size):
        # What cannot be embedded is refused there; here it is only hashed.
        with np.errstate(over="ignore", invalid="ignore"):
            digest.update(np.ascontiguousarray(clips[first : first + size], dtype=np.float32).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> np.ndarray | None:
    """The array in a file, or None where there is no file, or no whole array in it."""
    try:
        kept = np.load(path, allow_pickle=False)
        os.utime(path)  # used now: pruning takes others first
    except FileNotFoundError:
        return None
    except (ValueError, EOFError, OSError):
        print(f"{path}: damaged; computing it again", file=sys.stderr)
        return None
    return np.asarray(kept)
