"""Embeddings without weights, from the levels in 64 mel bands between 20 Hz and 24 kHz.

They need no network and hear up to 24 kHz, where pretrained ones stop at 8 kHz, but know nothing about sounds. A level
of 0 is silence (-80 dB relative to a full-scale sine, or less) and 1 a full-scale sine, linear in dB between: with
larger numbers the cubic kernel of KID would see little but the loudest clips.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import clip_policy, mean_over_windows, versions
from flowshot.scoring.metrics.spectral import power_spectrogram

BANDS = 64
LOWEST_HZ = 20.0
HIGHEST_HZ = 24000.0
WINDOW_SECONDS = 2048 / 48000
HOP_SECONDS = 480 / 48000
# Half of a window: copies that are late by less still overlap.
COPY_HOP_SECONDS = WINDOW_SECONDS / 2
# Power of the quietest level told from silence, relative to a full-scale sine: -80 dB.
FLOOR = 1e-8


def _hash(*settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


class LogMel:
    """Mean and standard deviation over time of the levels: the average colour of a sound and how much it changes.

    A clip is analysed at its own sample rate with windows and hops of the same duration as 2048 and 480 samples at
    48 kHz. So nothing is resampled, and a clip of 16 kHz has silence in every band above 8 kHz: two sets of one
    rate compare in the bands that they have. Sets of different rates differ by that silence.
    """

    name = "logmel"
    sample_rate = 48000
    dimensions = 2 * BANDS
    classes = 0
    weights_sha256 = _hash(
        "logmel", "fraction of range", BANDS, LOWEST_HZ, HIGHEST_HZ, WINDOW_SECONDS, HOP_SECONDS, FLOOR
    )

    def __init__(self, policy: PolicyConfig, _checkpoints: Path | None = None) -> None:
        self.config, self.policy = policy, clip_policy(policy, self.sample_rate)
        self.runtime = versions("numpy", "scipy")

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""

        def run(clips: np.ndarray) -> np.ndarray:
            levels = mel_levels(clips, sample_rate, HOP_SECONDS)
            return np.concatenate([levels.mean(axis=1), levels.std(axis=1)], axis=1)

        policy, working = clip_policy(self.config, sample_rate), _working_samples(clips, HOP_SECONDS)
        return mean_over_windows(clips, sample_rate, sample_rate, policy, run, working)


class MelSpectrogram:
    """The levels of a clip, one row of them every 21 ms, as one vector.

    It is near only to clips that sound the same at the same time, so it compares clips and not sets: two windows of one
    track are far apart unless they start at the same beat. It finds copies of training clips.
    """

    name = "mel"
    classes = 0
    weights_sha256 = _hash("mel", BANDS, WINDOW_SECONDS, COPY_HOP_SECONDS, FLOOR)

    def __init__(self, samples: int, sample_rate: int, policy: PolicyConfig) -> None:
        """For clips of `samples` samples at `sample_rate` Hz, heard as a whole."""
        self.sample_rate = sample_rate
        self.policy = clip_policy(replace(policy, window_seconds=None), sample_rate)
        self.runtime = versions("numpy", "scipy")
        self.dimensions = BANDS * -(-samples // max(1, round(COPY_HOP_SECONDS * sample_rate)))

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""

        def run(clips: np.ndarray) -> np.ndarray:
            return mel_levels(clips, sample_rate, COPY_HOP_SECONDS).reshape(len(clips), -1)

        working = _working_samples(clips, COPY_HOP_SECONDS)
        return mean_over_windows(clips, sample_rate, sample_rate, self.policy, run, working)


def mel_levels(clips: np.ndarray, sample_rate: int, hop_seconds: float) -> np.ndarray:
    """The levels `[n, frames, bands]` of `clips: [n, samples]`."""
    window, hop = (max(1, round(seconds * sample_rate)) for seconds in (WINDOW_SECONDS, hop_seconds))
    power = power_spectrogram(clips, window, hop) @ mel_filters(sample_rate, window).T.astype(np.float32)
    return np.asarray(np.log10(np.maximum(power / FLOOR, 1)) / np.log10(1 / FLOOR))


def mel_filters(sample_rate: int, window: int) -> np.ndarray:
    """Triangular filters with peak 1, equally wide on the mel scale, `[bands, window // 2 + 1]`.

    The scale is mel = 2595 log10(1 + f / 700) (O'Shaughnessy 1987, "Speech communication"). Bands whose centre
    lies above half the sample rate are empty. torchaudio's filters are the same at 48 kHz, but take the last frequency
    for half the sample rate, which is wrong for windows of odd length, as here at most other rates.
    """
    low, high = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - below) / (centre - below)
    falling = (above - frequencies) / (above - centre)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    filters[centre[:, 0] > sample_rate / 2] = 0
    return filters


def _working_samples(clips: np.ndarray, hop_seconds: float) -> int:
    """What a clip takes while it is worked on: its frames overlap and become complex numbers."""
    return round(2 * WINDOW_SECONDS / hop_seconds) * clips.shape[-1]
