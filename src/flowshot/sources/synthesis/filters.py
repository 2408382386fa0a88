"""Filters, fixed and moving, noise, and saturation.

The second-order sections are those of R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter
coefficients" (W3C note, 2021).
"""

from typing import Literal

import numpy as np
from scipy import fft, signal

FilterKind = Literal["low_pass", "high_pass", "band_pass"]
BUTTERWORTH = 0.7071  # the quality factor without a resonance
BLOCK = 64  # samples between two settings of a moving filter


def biquad(
    kind: FilterKind, cutoff: float | np.ndarray, resonance: float, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator `[..., 3]` of second-order filters, one for each cutoff in Hz.

    A cutoff beyond 45 % of the sample rate is taken as that. The band-pass has gain 1 at its centre.
    """
    omega = 2 * np.pi * np.clip(cutoff, 1.0, 0.45 * sample_rate) / sample_rate
    cosine, alpha = np.cos(omega), np.sin(omega) / (2 * resonance)
    if kind == "low_pass":
        numerator = [(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2]
    elif kind == "high_pass":
        numerator = [(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2]
    else:
        numerator = [alpha, 0 * alpha, -alpha]
    gain = 1 + alpha
    b = np.stack([coefficient / gain for coefficient in numerator], axis=-1)
    a = np.stack([np.ones_like(gain), -2 * cosine / gain, (1 - alpha) / gain], axis=-1)
    return b, a


def low_pass(audio: np.ndarray, cutoff: float, sample_rate: int, resonance: float = BUTTERWORTH) -> np.ndarray:
    """`audio` without what lies above `cutoff` Hz, 12 dB an octave."""
    return signal.lfilter(*biquad("low_pass", cutoff, resonance, sample_rate), audio)


def high_pass(audio: np.ndarray, cutoff: float, sample_rate: int, resonance: float = BUTTERWORTH) -> np.ndarray:
    """`audio` without what lies below `cutoff` Hz, 12 dB an octave."""
    return signal.lfilter(*biquad("high_pass", cutoff, resonance, sample_rate), audio)


def band_pass(audio: np.ndarray, centre: float, sample_rate: int, resonance: float) -> np.ndarray:
    """`audio` around `centre` Hz, 6 dB an octave to both sides of a band of width centre / resonance."""
    return signal.lfilter(*biquad("band_pass", centre, resonance, sample_rate), audio)


def moving_filter(
    kind: FilterKind, audio: np.ndarray, cutoffs: np.ndarray, sample_rate: int, resonance: float = BUTTERWORTH
) -> np.ndarray:
    """`audio` through a filter whose cutoff in Hz moves along `cutoffs`, `[samples]`.

    The filter is set anew every BLOCK samples and keeps its state, in the transposed form, which bears that.
    """
    b, a = biquad(kind, cutoffs[::BLOCK], resonance, sample_rate)
    filtered, state = np.empty(len(audio)), np.zeros(2)
    for block, start in enumerate(range(0, len(audio), BLOCK)):
        part = slice(start, start + BLOCK)
        filtered[part], state = signal.lfilter(b[block], a[block], audio[part], zi=state)
    return filtered


def sloped_noise(samples: int, slope: float, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise `[samples]` of unit variance, its spectrum falling by `slope` dB an octave above 40 Hz."""
    period = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(generator.standard_normal(period))
    octaves = np.log2(np.maximum(fft.rfftfreq(period, 1 / sample_rate), 40.0) / 40.0)
    noise = fft.irfft(spectrum * 10 ** (slope * octaves / 20), period)[:samples]
    return noise / noise.std()


def saturate(audio: np.ndarray, drive: float) -> np.ndarray:
    """`audio`, scaled to peak 1, through tanh with `drive` dB of gain, at twice the rate against aliasing."""
    audio = normalised(audio)
    gain = 10 ** (drive / 20)
    return signal.resample_poly(np.tanh(gain * signal.resample_poly(audio, 2, 1)), 1, 2)[: len(audio)]


def normalised(audio: np.ndarray) -> np.ndarray:
    """`audio` scaled to peak 1, so that shares of a mix mean the same whatever a filter has left."""
    return audio / max(np.abs(audio).max(), 1e-12)
