"""Find clips that are the same recording: bit for bit, up to gain and dither, or cut and coded anew."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from flowshot.randomness import numpy_generator

SKETCH_SIZE = 16
# Distances of clips, or of their magnitude spectra, that are scaled to norm 1.
NEAR = 0.01  # waveforms that differ by less than -40 dB are one clip
ALIKE = 0.15  # spectra this close are one sound, such as a copy that was cut, coded or mixed anew


class Sketcher:
    """Maps a clip to a few numbers whose distances are those of the clips, about.

    A count sketch (Charikar, Chen, Farach-Colton, 2002): samples get random signs and are summed in 16 buckets.
    It is linear and keeps squared distances on average, with a relative standard deviation of sqrt(2/16); so
    clips that differ by less than -40 dB of their norm are near each other, and others are not, since no two
    recordings come within a hundredth of each other by chance.
    """

    def __init__(self, clip_samples: int) -> None:
        signs = numpy_generator(0, "duplicates", "signs").integers(0, 2, clip_samples, dtype=np.int8)
        self._signs = (2 * signs - 1).astype(np.int8)

    def waveform(self, clip: np.ndarray) -> np.ndarray:
        """The sketch, float32 `[16]`, of a clip `[samples]` that is not silent."""
        return self._sketch(clip)

    def spectrum(self, clip: np.ndarray) -> np.ndarray:
        """The sketch, float32 `[16]`, of its magnitude spectrum, which does not change when the sound is shifted."""
        return self._sketch(np.abs(np.fft.rfft(clip)))

    def _sketch(self, values: np.ndarray) -> np.ndarray:
        signed = values * self._signs[: len(values)]
        padded = np.pad(signed, (0, -len(signed) % SKETCH_SIZE)).reshape(-1, SKETCH_SIZE)
        norm = np.sqrt(np.square(values, dtype=np.float64).sum())
        return (padded.sum(axis=0, dtype=np.float64) / norm).astype(np.float32)


def first_copies(hashes: Sequence[str], sketches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each clip, the index of the clip that stands for it: the first of equal hash, and the first near one.

    Args:
        hashes: of the audio of each clip.
        sketches: `[clips, 16]`.

    Returns:
        Two integer arrays `[clips]`; a clip that stands for itself holds its own index in both. Near clips are
        searched among the first ones of each hash only, and nearness is followed through (a near b near c).
    """
    exact = np.empty(len(hashes), dtype=np.int64)
    seen: dict[str, int] = {}
    for index, value in enumerate(hashes):
        exact[index] = seen.setdefault(value, index)
    firsts = np.unique(exact)
    near = np.arange(len(hashes))
    if len(firsts) > 1:
        for index in firsts[pairs_within(sketches[firsts], NEAR)]:
            low, high = sorted((_root(near, index[0]), _root(near, index[1])))
            near[high] = low
    near[firsts] = [_root(near, index) for index in firsts]
    return exact, near[exact]


def pairs_within(sketches: np.ndarray, distance: float) -> np.ndarray:
    """Index pairs `[pairs, 2]` of sketches `[clips, 16]` that are at most `distance` apart, the nearest first."""
    pairs = cKDTree(sketches).query_pairs(distance, output_type="ndarray")
    apart = np.linalg.norm(sketches[pairs[:, 0]] - sketches[pairs[:, 1]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], apart))]


def _root(parents: np.ndarray, index: int) -> int:
    while parents[index] != index:
        index = parents[index]
    return int(index)
