"""Sources of tone: band-limited waveforms, frequency modulation, damped modes, and the plucked string."""

from collections.abc import Sequence

import numpy as np
from scipy import signal

from flowshot.sources.synthesis.envelopes import exponential_decay

HIGHEST_PARTIAL = 0.45  # of the sample rate; nothing is synthesised above

# Modes of an ideal circular membrane, (0,1) (1,1) (2,1) (0,2) (3,1) (1,2), and of a free bar, over the lowest
# (N. Fletcher and T. Rossing, "The Physics of Musical Instruments", 1998, sections 3.6 and 2.16).
MEMBRANE_MODES = (1.0, 1.593, 2.136, 2.295, 2.653, 2.917)
BAR_MODES = (1.0, 2.757, 5.404, 8.933, 13.345)


def phase(frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
    """Phase in cycles, from 0, of an oscillator with these frequencies in Hz; both `[samples]`."""
    cycles = np.cumsum(frequencies) / sample_rate
    return cycles - cycles[0]


def sine(cycles: np.ndarray) -> np.ndarray:
    """A sine wave of the given phase in cycles."""
    return np.sin(2 * np.pi * cycles)


def saw(cycles: np.ndarray) -> np.ndarray:
    """A sawtooth in [-1, 1] whose steps are smoothed by a polynomial against aliasing (PolyBLEP).

    V. Valimaki and A. Huovilainen, "Antialiasing oscillators in subtractive synthesis", IEEE Signal Processing
    Magazine 24(2), 2007.
    """
    fraction = cycles - np.floor(cycles)
    step = np.diff(cycles, prepend=2 * cycles[0] - cycles[1])
    wave = 2 * fraction - 1
    after, before = fraction < step, fraction > 1 - step
    behind = fraction[after] / step[after]
    ahead = (fraction[before] - 1) / step[before]
    wave[after] -= 2 * behind - behind**2 - 1
    wave[before] -= ahead**2 + 2 * ahead + 1
    return wave


def square(cycles: np.ndarray) -> np.ndarray:
    """A square wave in [-1, 1], as the difference of two smoothed sawtooths."""
    return saw(cycles) - saw(cycles + 0.5)


def modulated_sine(carrier: np.ndarray, modulator: np.ndarray, index: np.ndarray, sample_rate: int) -> np.ndarray:
    """Frequency modulation: a sine at `carrier` Hz, its phase moved by `index` radians at `modulator` Hz.

    All `[samples]`. Side band n has level J_n(index), which is under -40 dB from n = 1.2 index + 3 on. It is computed
    at no less than 80 kHz, and where that side band would still fold back into what is kept, the index is lowered.
    J. Chowning, "The synthesis of complex audio spectra by means of frequency modulation", JAES 21(7), 1973.
    """
    factor = -(-80_000 // sample_rate)
    rate = sample_rate * factor
    highest = rate - HIGHEST_PARTIAL * sample_rate
    index = np.clip(((highest - carrier) / modulator - 3) / 1.2, 0.0, index)
    samples = len(carrier)
    fine = np.arange(samples * factor) / factor

    def finer(curve: np.ndarray) -> np.ndarray:
        return np.interp(fine, np.arange(samples), curve)

    deviation = finer(index) * sine(phase(finer(modulator), rate))
    wave = np.sin(2 * np.pi * phase(finer(carrier), rate) + deviation)
    return signal.resample_poly(wave, 1, factor)[:samples]


def damped_modes(
    frequencies: Sequence[float], decays: Sequence[float], levels: Sequence[float], time: np.ndarray, sample_rate: int
) -> np.ndarray:
    """A struck body: the sum of decaying sines, one for each frequency (Hz), decay (s) and level."""
    body = np.zeros_like(time)
    for frequency, decay, level in zip(frequencies, decays, levels, strict=True):
        if frequency < HIGHEST_PARTIAL * sample_rate:
            body += level * exponential_decay(time, decay) * sine(frequency * time)
    return body


def plucked_string(
    excitation: np.ndarray, pitch: float, decay: float, brightness: float, sample_rate: int
) -> np.ndarray:
    """A string at `pitch` Hz that an excitation `[samples]` sets in motion.

    A delay line with a one-pole low-pass in its loop: the fundamental falls 60 dB in `decay` seconds, a partial
    at `brightness` Hz, at least twice the pitch, four times as fast. The delay is tuned by cubic interpolation.
    K. Karplus and A. Strong, CMJ 7(2), 1983; D. Jaffe and J. Smith, CMJ 7(2), 1983; the interpolation: T. Laakso et
    al., "Splitting the unit delay", IEEE Signal Processing Magazine 13(1), 1996, equation 42.
    """
    loss = 10 ** (-3 / (pitch * decay))  # gain of one period at the fundamental
    ratio = loss**6  # squared gain of the low-pass at `brightness` over that at the pitch: three more times the loss
    turn = 2 * np.pi * pitch / sample_rate
    bright = 2 * np.pi * min(brightness, HIGHEST_PARTIAL * sample_rate) / sample_rate
    middle = np.cos(turn) - ratio * np.cos(bright)
    pole = (middle - np.sqrt(middle**2 - (1 - ratio) ** 2)) / (1 - ratio)
    gain = loss * np.abs(1 - pole * np.exp(-1j * turn))  # and (1 - pole), which the low-pass has above

    lag = np.arctan2(pole * np.sin(turn), 1 - pole * np.cos(turn)) / turn  # of the low-pass, in samples
    whole, part = divmod(sample_rate / pitch - lag, 1.0)
    loop = np.zeros(int(whole) + 3)
    loop[:2] = 1.0, -pole
    loop[-4:] -= gain * _cubic_delay(part)
    return signal.lfilter([1.0, -pole], loop, excitation)


def _cubic_delay(part: float) -> np.ndarray:
    """Lagrange coefficients `[4]` of a delay of 1 + `part` samples, `part` in [0, 1)."""
    delay = 1 + part
    return np.array(
        [np.prod([(delay - other) / (tap - other) for other in range(4) if other != tap]) for tap in range(4)]
    )
