"""Curves over time: decays, attacks, pitch sweeps, and the finish that every clip gets."""

import numpy as np

from flowshot.sources.synthesis.filters import high_pass

LONGEST_SECONDS = 1.0
PEAK = 10 ** (-1 / 20)  # -1 dB relative to full scale: room for the overshoot of a later resampling
FADE_IN_SECONDS = 0.0003
FADE_OUT_SECONDS = 0.02
FALL_60_DB = np.log(1000.0)


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


def finish(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The clip as it is kept: no DC, faded in and out from and to digital zero, its peak at -1 dB.

    Args:
        audio: `[samples]`, at any level above zero.
        sample_rate: samples per second.
    """
    audio = high_pass(audio, 20.0, sample_rate)
    for seconds, view in ((FADE_IN_SECONDS, audio), (FADE_OUT_SECONDS, audio[::-1])):
        samples = min(len(audio), max(2, round(seconds * sample_rate)))
        view[:samples] *= 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, samples))
    return audio * (PEAK / np.abs(audio).max())
