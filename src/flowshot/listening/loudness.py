"""Measure and match the loudness of clips."""

import math
from typing import NamedTuple

import numpy as np

WINDOW_SECONDS = 0.4  # of momentary loudness, EBU Tech 3341
LEVEL = -23.0  # LUFS, that of EBU R 128; as far as peaks allow
LOWEST_LEVEL = -33.0  # LUFS; one click that cannot be loud must not make everything else inaudible
CEILING_DB = -1.0  # of peaks, relative to full scale
# Filters of BS.1770-5, annex 1, tables 1 and 2: coefficients of z^0, z^-1, z^-2, numerator and denominator.
SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


class Matched(NamedTuple):
    """`clips: [n, samples]` at `level` LUFS; `unmatched` are the rows that silence or a single click keeps below it."""

    clips: np.ndarray
    level: float
    unmatched: list[int]


def momentary_loudness(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    """The largest loudness of any 400 ms of each of `clips: [n, samples]`, in LUFS, `[n]`; -inf where it is silent.

    ITU-R BS.1770-5 (annex 1, K-weighting without phase) over the window of EBU Tech 3341; silence is added to what is
    shorter. Integrated loudness, made for programmes, would weigh how long the silence after a one-shot is.
    """
    count, samples = clips.shape
    window = max(1, round(WINDOW_SECONDS * sample_rate))
    # As much silence after the clip as the window is long: what the filter lets ring must not wrap to the front.
    size = 2 * ((samples + window + 1) // 2)
    gain = k_weighting(size, sample_rate)
    loudness = np.empty(count)
    for row, clip in enumerate(clips):
        weighted = np.fft.irfft(np.fft.rfft(clip, size) * gain, size)
        energy = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
        loudest = float((energy[window:] - energy[:-window]).max()) / window
        loudness[row] = -0.691 + 10 * math.log10(loudest) if loudest > 0 and np.any(clip) else -math.inf
    return loudness


def k_weighting(fft_size: int, sample_rate: int) -> np.ndarray:
    """Gain of the K-weighting of ITU-R BS.1770-5 (annex 1) at the bins of a spectrum, `[fft_size // 2 + 1]`.

    The standard gives its shelf and high-pass as digital filters for 48 kHz. At another rate its analogue response is
    the same, so it is read off at the bins' own frequencies; above 24 kHz the gain stays that at 24 kHz.
    """
    frequency = np.minimum(np.linspace(0, sample_rate / 2, fft_size // 2 + 1), 24_000)
    powers = np.exp(-2j * math.pi * frequency / 48_000)[:, None] ** np.arange(3)
    responses = [(powers @ above) / (powers @ below) for above, below in (SHELF, HIGH_PASS)]
    return np.asarray(np.abs(responses[0] * responses[1]))


def match_loudness(clips: np.ndarray, sample_rate: int) -> Matched:
    """Finite clips `[n, samples]` at one loudness that all of them can have without exceeding the ceiling."""
    loudness = momentary_loudness(clips, sample_rate)
    peaks = np.abs(clips).max(axis=1).astype(np.float64)
    audible = np.isfinite(loudness)
    headroom = CEILING_DB - 20 * np.log10(np.where(audible, peaks, 1.0))
    reachable = np.where(audible, loudness + headroom, math.inf)
    level = max(LOWEST_LEVEL, min(LEVEL, float(reachable.min(initial=math.inf))))
    decibels = np.where(audible, np.minimum(level - np.where(audible, loudness, 0.0), headroom), 0.0)
    matched = (clips * (10 ** (decibels / 20))[:, None]).astype(np.float32)
    return Matched(matched, level, [int(row) for row in np.flatnonzero(~audible | (reachable < level - 1e-9))])
