"""Find clips of the same recording: identical, up to gain and dither, or after another cut, encoding or resampling."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from flowshot.core.randomness import numpy_generator

SKETCH_SIZE = 16
# Distances of clips, or of their magnitude spectra, that are scaled to norm 1.
NEAR = 0.01  # waveforms that differ by less than -40 dB are one clip
ALIKE = 0.15  # spectra this close are one sound, such as a copy with another cut, encoding or mix

# The same recording, whatever was done to it.
LIKE, CERTAIN = 0.95, 0.999  # correlations of fingerprints, see `same_recordings`
SAME = 0.9  # correlation of waveforms
FINGERPRINT_SECONDS = 0.5
WINDOW_SECONDS, HOP_SECONDS = 0.032, 0.016
BANDS, LOWEST_HZ, HIGHEST_HZ = 32, 50.0, 7000.0  # what a copy at 16 kHz still has
RANGE_DB = 60.0  # what is quieter than the loudest band by more counts as silence
BLOCK = 1024  # clips compared at once


@functools.lru_cache(maxsize=1)
def _signs(clip_samples: int) -> np.ndarray:
    signs = numpy_generator(0, "duplicates", "signs").integers(0, 2, clip_samples, dtype=np.int8)
    return (2 * signs - 1).astype(np.int8)


def sketches(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A few numbers, float32 `[16]`, for a clip `[samples]` that is not silent, and for its magnitude spectrum.

    Distances of sketches are about those of what is sketched, scaled to norm 1. Spectra do not change when the sound is
    shifted. A count sketch (Charikar, Chen, Farach-Colton, 2002): values get random signs and are summed in 16 buckets.
    It is linear and keeps squared distances on average, with a relative standard deviation of sqrt(2/16); so clips that
    differ by less than -40 dB of their norm are near each other, and no two recordings come so near by chance.
    """
    return _sketch(clip, len(clip)), _sketch(np.abs(np.fft.rfft(clip)), len(clip))


def _sketch(values: np.ndarray, clip_samples: int) -> np.ndarray:
    signed = values * _signs(clip_samples)[: len(values)]
    padded = np.pad(signed, (0, -len(signed) % SKETCH_SIZE)).reshape(-1, SKETCH_SIZE)
    norm = np.sqrt(np.square(values, dtype=np.float64).sum())
    return (padded.sum(axis=0, dtype=np.float64) / norm).astype(np.float32)


def first_copies(hashes: Sequence[str], waveforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each clip, the index of the clip that stands for it: the first of equal hash, and the first near one.

    `waveforms` are sketches `[clips, 16]`. Returns two integer arrays `[clips]`; a clip that stands for itself holds
    its own index in both. Nearness is followed through (a near b near c).
    """
    _, firsts, inverse = np.unique(np.array(hashes, dtype=str), return_index=True, return_inverse=True)
    exact = firsts[inverse]
    firsts = np.sort(firsts)
    near = np.arange(len(hashes))
    if len(firsts) > 1:
        pairs = pairs_within(waveforms[firsts], NEAR)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(firsts), len(firsts)))
        parts = connected_components(graph, directed=False)[1]
        near[firsts] = firsts[np.unique(parts, return_index=True)[1][parts]]
    return exact, near[exact]


def fingerprint(clip: np.ndarray, sample_rate: int) -> np.ndarray:
    """How a clip `[samples]` begins: its spectrogram in dB, in bands of equal width in octaves; float32 of norm 1.

    Half a second from the first sound is looked at, where a recording is most itself and copies that were cut shorter
    still have all. The mean is taken away, so that the inner product of two fingerprints is their correlation and
    levels do not matter.
    """
    window, hop = round(WINDOW_SECONDS * sample_rate), round(HOP_SECONDS * sample_rate)
    length = round(FINGERPRINT_SECONDS * sample_rate) + window
    padded = np.zeros(length, dtype=np.float32)
    # The first window is centred on the first sample, so that the attack is seen in the middle of one.
    padded[window // 2 :] = np.pad(clip[: length - window // 2], (0, max(0, length - window // 2 - len(clip))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop] * np.hanning(window)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, sample_rate / 2), BANDS + 1) * window / sample_rate
    starts = np.unique(edges.astype(np.int64))
    bands = np.add.reduceat(power[:, : starts[-1] + 1], starts[:-1], axis=1)
    level = 10 * np.log10(np.maximum(bands / bands.max(), 10 ** (-RANGE_DB / 10)))
    level -= level.mean()
    return (level / np.linalg.norm(level)).ravel().astype(np.float32)


def same_recordings(fingerprints: np.ndarray, waveform: Callable[[int], np.ndarray], sample_rate: int) -> np.ndarray:
    """For each clip, the index of the first one before it that stands for itself and is the same recording, or its own.

    Two clips are one recording where their fingerprints are alike to LIKE and their waveforms to SAME, or their
    fingerprints to CERTAIN. Seen on 3,679 one-shots: all pairs of fingerprints alike to 0.999 that were looked at were
    one recording, some as another mix of its channels. Below 0.995 there are also cymbals of a TR-808 at different
    settings, whose waveforms are alike to 0.3 to 0.6; but down to 0.95 there are repeated recordings too, with
    waveforms alike to 0.9 and more. Pairs below that are mostly other hits on the same drum, and are kept.

    `fingerprints` is `[clips, values]`, of norm 1; `waveform` gives the clip `[samples]` of an index.
    """
    stands_for = np.arange(len(fingerprints))
    for start in range(0, len(fingerprints), BLOCK):
        block = fingerprints[start : start + BLOCK]
        likeness = block @ fingerprints[: start + len(block)].T
        for row, alike in enumerate(likeness, start):
            for earlier in np.flatnonzero(alike[:row] >= LIKE):
                # Not followed through: what is like a dropped clip need not be like the one that stands for that.
                if stands_for[earlier] == earlier and (
                    alike[earlier] >= CERTAIN
                    or waveform_correlation(waveform(int(earlier)), waveform(row), sample_rate) >= SAME
                ):
                    stands_for[row] = earlier
                    break
    return stands_for


def waveform_correlation(one: np.ndarray, other: np.ndarray, sample_rate: int) -> float:
    """The largest correlation, of either sign, of the beginnings of two clips that are shifted by up to one hop."""
    length, lag = round(FINGERPRINT_SECONDS * sample_rate), round(HOP_SECONDS * sample_rate)
    one, other = one[:length], other[:length]
    size = 1 << (length + lag - 1).bit_length()
    product = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    correlation = np.abs(np.fft.irfft(product, size))
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(max(correlation[: lag + 1].max(), correlation[-lag:].max())) / norm if norm else 0.0


def pairs_within(points: np.ndarray, distance: float) -> np.ndarray:
    """Index pairs `[pairs, 2]` of sketches `[clips, 16]` at most `distance` apart, the nearest first."""
    pairs = cKDTree(points).query_pairs(distance, output_type="ndarray")
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], apart))]
