"""How much of a sound is tones and not noise, whatever their frequencies are."""

import numpy as np

# A slot is a band of 250 Hz for 16 ms; it is heard through a window of 64 ms.
SLOT_SECONDS, WINDOW_SLOTS, SLOT_HERTZ = 0.016, 4, 250.0
# Magnitudes below this (-80 dB of a full-scale sine) are silence.
FLOOR = 1e-4


def tonality(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    """Of each of `clips: [n, samples]` the mean tonality of its slots, weighted by their level in dB above -80 dB.

    `[n]`, near 1 for steady sines, near 0 for noise (0.06), and NaN for silence. The tonality of a slot is how well the
    frequency of its strongest partial predicts the partial's phase, from a quarter of a window before to a quarter
    after, times the same with half a window (Duxbury et al. 2001, "Separation of transient information in musical audio
    using multiresolution analysis techniques"). It hears whether a decoder makes noise of tones, which FAD under YAMNet
    hears in part and KID of a log-mel spectrum does not; what frequencies the tones have, it does not hear.
    """
    return np.array([_clip_tonality(clip, sample_rate) for clip in clips])


def _clip_tonality(clip: np.ndarray, sample_rate: int) -> float:
    hop = round(SLOT_SECONDS * sample_rate)
    size, beyond = WINDOW_SLOTS * hop, WINDOW_SLOTS // 2
    padded = np.pad(clip.astype(np.float64), size)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    spectrum = np.fft.rfft(frames * window) * (2 / window.sum())
    now = np.abs(spectrum[beyond:-beyond])
    bins = _strongest(now, round(SLOT_HERTZ * size / sample_rate))
    rows = np.arange(len(now))[:, None]
    low, centre, high = (np.log(now[rows, bins + shift] + 1e-10) for shift in (-1, 0, 1))
    bend = np.minimum(low - 2 * centre + high, -1e-6)
    frequency = bins + np.clip(0.5 * (low - high) / bend, -0.5, 0.5)
    predicted = np.ones_like(frequency)
    for apart in (beyond // 2, beyond):
        before, after = (spectrum[beyond + shift : beyond + shift + len(now)] for shift in (-apart, apart))
        # In three bins of the partial; what is found is turned back by what is predicted.
        three = bins[..., None] + np.arange(-1, 2)
        a, b = before[rows[..., None], three], after[rows[..., None], three]
        turned = (a.conj() * b).sum(-1) * np.exp(-2j * np.pi * frequency * (2 * apart / WINDOW_SLOTS))
        largest = np.sqrt((np.abs(a) ** 2).sum(-1) * (np.abs(b) ** 2).sum(-1))
        predicted *= np.maximum(turned.real, 0) / np.maximum(largest, 1e-10)
    weights = np.maximum(np.log(np.exp(centre) / FLOOR), 0)
    return float((predicted * weights).sum() / weights.sum()) if weights.any() else float("nan")


def _strongest(magnitudes: np.ndarray, bins: int) -> np.ndarray:
    """The strongest local maximum in each `bins` bins of `[frames, size // 2 + 1]`, as `[frames, slots]`."""
    inner = magnitudes[:, 1:-1]
    peaks = inner * ((inner >= magnitudes[:, :-2]) & (inner >= magnitudes[:, 2:]))
    slots = magnitudes.shape[1] // bins
    peaks = np.pad(peaks, ((0, 0), (1, 1)))[:, : slots * bins].reshape(len(magnitudes), slots, bins)
    strongest = peaks.argmax(-1) + bins * np.arange(slots)
    return np.asarray(np.clip(strongest, 1, magnitudes.shape[1] - 2))
