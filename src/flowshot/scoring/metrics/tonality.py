"""How much of a sound is tones and not noise, whatever their frequencies are."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from flowshot.core.process import workers
from flowshot.scoring.metrics.spectral import hann_spectra

# A slot is a band of 250 Hz for 16 ms; it is heard through a window of 64 ms.
SLOT_SECONDS, WINDOW_SLOTS, SLOT_HERTZ = 0.016, 4, 250.0
# Magnitudes below this (-80 dB of a full-scale sine) are silence.
FLOOR = 1e-4
PIECE = 64  # clips whose spectra are held at a time


def tonality(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    """Of each of `clips: [n, samples]` the mean tonality of its slots, weighted by their level in dB above -80 dB.

    `[n]`, up to 0.95 for steady tones, 0.08 for white noise, and NaN for silence. The tonality of a slot is how well
    the frequency of its strongest partial predicts the partial's phase, from a quarter of a window before to a quarter
    after, times the same with half a window (Duxbury et al. 2001, "Separation of transient information in musical audio
    using multiresolution analysis techniques"). It hears whether a decoder makes noise of tones, which FAD under YAMNet
    hears in part and KID of a log-mel spectrum does not; what frequencies the tones have, it does not hear.
    """
    pieces = [clips[first : first + PIECE] for first in range(0, len(clips), PIECE)]
    with ThreadPoolExecutor(workers()) as pool:  # NumPy leaves the interpreter's lock while it computes
        return np.concatenate(list(pool.map(lambda piece: _tonality(piece, sample_rate), pieces)))


def _tonality(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    hop = round(SLOT_SECONDS * sample_rate)
    size, beyond = WINDOW_SLOTS * hop, WINDOW_SLOTS // 2
    spectrum = hann_spectra(np.pad(clips, ((0, 0), (size, size))), size, hop)
    count = spectrum.shape[1] - 2 * beyond
    now = np.abs(spectrum[:, beyond:-beyond])
    bins = _strongest(now, round(SLOT_HERTZ * size / sample_rate))
    low, centre, high = (np.log(np.take_along_axis(now, bins + shift, axis=2) + 1e-10) for shift in (-1, 0, 1))
    bend = np.minimum(low - 2 * centre + high, -1e-6)
    frequency = bins + np.clip(0.5 * (low - high) / bend, -0.5, 0.5)
    predicted = np.ones_like(frequency)
    for apart in (beyond // 2, beyond):
        before, after = (spectrum[:, beyond + shift : beyond + shift + count] for shift in (-apart, apart))
        # In three bins of the partial; what is found is turned back by what is predicted.
        pairs = [[np.take_along_axis(each, bins + shift, axis=2) for each in (before, after)] for shift in (-1, 0, 1)]
        turned = sum(a.conj() * b for a, b in pairs) * np.exp(-2j * np.pi * frequency * (2 * apart / WINDOW_SLOTS))
        largest = np.sqrt(sum(np.abs(a) ** 2 for a, _ in pairs) * sum(np.abs(b) ** 2 for _, b in pairs))
        predicted *= np.maximum(turned.real, 0) / np.maximum(largest, 1e-10)
    weights = np.maximum(centre - np.log(FLOOR), 0)
    total = weights.sum(axis=(1, 2), dtype=np.float64)
    heard = np.where(total > 0, total, np.nan)
    return np.asarray((predicted * weights).sum(axis=(1, 2), dtype=np.float64) / heard)


def _strongest(magnitudes: np.ndarray, bins: int) -> np.ndarray:
    """The strongest local maximum in each `bins` bins of `[n, frames, size // 2 + 1]`, as `[n, frames, slots]`."""
    inner = magnitudes[..., 1:-1]
    peaks = inner * ((inner >= magnitudes[..., :-2]) & (inner >= magnitudes[..., 2:]))
    slots = magnitudes.shape[-1] // bins
    peaks = np.pad(peaks, ((0, 0), (0, 0), (1, 1)))[..., : slots * bins]
    strongest = peaks.reshape(*magnitudes.shape[:2], slots, bins).argmax(-1) + bins * np.arange(slots)
    return np.asarray(np.clip(strongest, 1, magnitudes.shape[-1] - 2))
