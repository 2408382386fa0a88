"""What sounds are made of: envelopes, filters, noise, and sources of tone.

The second-order sections are those of R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter
coefficients" (W3C note, 2021).
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import fft, signal

TABLES = tomllib.loads(Path(__file__).with_name("classes.toml").read_text(encoding="utf-8"))
Values = Mapping[str, float]  # parameters of a clip, by name
FilterKind = Literal["low_pass", "high_pass", "band_pass"]

LONGEST_SECONDS = 1.0
PEAK = 10 ** (-1 / 20)  # -1 dB relative to full scale: room for the overshoot of a later resampling
FADE_IN_SECONDS = 0.0003
FADE_OUT_SECONDS = 0.02
FALL_60_DB = np.log(1000.0)
BUTTERWORTH = 0.7071  # the quality factor without a resonance
BLOCK = 64  # samples between two settings of a moving filter
HIGHEST_PARTIAL = 0.45  # of the sample rate; nothing is synthesised above

# Modes of an ideal circular membrane, (0,1) (1,1) (2,1) (0,2) (3,1) (1,2), and of a free bar, over the lowest
# (N. Fletcher and T. Rossing, "The Physics of Musical Instruments", 1998, sections 3.6 and 2.16).
MEMBRANE_MODES = (1.0, 1.593, 2.136, 2.295, 2.653, 2.917)
BAR_MODES = (1.0, 2.757, 5.404, 8.933, 13.345)


def time_axis(seconds: float, sample_rate: int) -> np.ndarray:
    """The time of every sample in seconds, `[samples]`, for at most the longest clip."""
    return np.arange(round(min(seconds, LONGEST_SECONDS) * sample_rate)) / sample_rate


def ringing_time(decay: float, sample_rate: int) -> np.ndarray:
    """The time axis of a sound that falls 60 dB in `decay` seconds: until it has fallen 84 dB."""
    return time_axis(1.4 * decay + 0.02, sample_rate)


def exponential_decay(time: np.ndarray, decay: float) -> np.ndarray:
    """An amplitude that falls from 1 by 60 dB every `decay` seconds; 0 before time 0."""
    return np.where(time < 0, 0.0, np.exp(-FALL_60_DB * np.maximum(time, 0.0) / decay))


def attack_curve(time: np.ndarray, attack: float) -> np.ndarray:
    """An amplitude that rises from 0 to 1 within `attack` seconds, as half a cosine."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(time / attack, 0.0, 1.0))


def settling(time: np.ndarray, settle: float) -> np.ndarray:
    """A control that falls from 1 towards 0, and reaches 0.05 after `settle` seconds."""
    return np.exp(-3.0 * time / settle)


def swept_pitch(time: np.ndarray, pitch: float, octaves: float, sweep_time: float) -> np.ndarray:
    """Frequencies in Hz that start `octaves` above `pitch` and settle on it."""
    return pitch * 2.0 ** (octaves * settling(time, sweep_time))


def tremolo(time: np.ndarray, rate: float, depth: float) -> np.ndarray:
    """An amplitude that moves between 1 and 1 - depth, `rate` times a second."""
    return 1.0 - depth * (0.5 - 0.5 * np.cos(2 * np.pi * rate * time))


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

    The filter changes every BLOCK samples and keeps its state; the transposed form stays stable then.
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


def finish(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The clip `[samples]` as it is kept: no DC, faded in and out from and to digital zero, its peak at -1 dB."""
    audio = high_pass(audio, 20.0, sample_rate)
    for seconds, view in ((FADE_IN_SECONDS, audio), (FADE_OUT_SECONDS, audio[::-1])):
        samples = min(len(audio), max(2, round(seconds * sample_rate)))
        view[:samples] *= 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, samples))
    return audio * (PEAK / np.abs(audio).max())


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
    coarse = np.arange(len(carrier))
    fine = np.arange(len(carrier) * factor) / factor
    carrier, modulator, index = (np.interp(fine, coarse, curve) for curve in (carrier, modulator, index))
    wave = np.sin(2 * np.pi * phase(carrier, rate) + index * sine(phase(modulator, rate)))
    return signal.resample_poly(wave, 1, factor)[: len(coarse)]


def damped_modes(modes: Iterable[tuple[float, float, float]], time: np.ndarray, sample_rate: int) -> np.ndarray:
    """A struck body: the sum of decaying sines, one for each (frequency in Hz, decay in seconds, level)."""
    body = np.zeros_like(time)
    for frequency, decay, level in modes:
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
    # Lagrange coefficients of a delay of 1 + `part` samples.
    taps = [np.prod([(1 + part - other) / (tap - other) for other in range(4) if other != tap]) for tap in range(4)]
    loop[-4:] -= gain * np.array(taps)
    return signal.lfilter([1.0, -pole], loop, excitation)
