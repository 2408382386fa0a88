"""The mel spectrogram of a clip as one vector: near only to clips that sound the same at the same time.

It compares clips and not sets: two windows of one track are far apart unless they start at the same beat. So it finds
copies of training clips, and is no embedding for distances between distributions.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder, clip_policy, mean_over_windows, versions
from flowshot.scoring.embeddings.logmel import BANDS, FLOOR, WINDOW_SECONDS, mel_filters
from flowshot.scoring.metrics.spectral import magnitude_spectrogram

# Half of a window: copies that are late by less still overlap.
HOP_SECONDS = WINDOW_SECONDS / 2


class MelSpectrogram:
    """Levels in 64 mel bands, 0 for silence (-80 dB) and 1 for a full-scale sine, one row of them every 21 ms."""

    name = "mel"
    classes: Embedder | None = None
    weights_sha256 = hashlib.sha256(json.dumps(["mel", BANDS, WINDOW_SECONDS, HOP_SECONDS, FLOOR]).encode()).hexdigest()

    def __init__(self, samples: int, sample_rate: int, policy: PolicyConfig) -> None:
        """For clips of `samples` samples at `sample_rate` Hz, heard as a whole."""
        self.sample_rate = sample_rate
        self.policy = clip_policy(replace(policy, window_seconds=None), sample_rate)
        self.runtime = versions("numpy")
        self._window, self._hop = (max(1, round(each * sample_rate)) for each in (WINDOW_SECONDS, HOP_SECONDS))
        self.dimensions = BANDS * -(-samples // self._hop)

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        filters = mel_filters(sample_rate, self._window)

        def run(clips: np.ndarray) -> np.ndarray:
            power = np.square(magnitude_spectrogram(clips, self._window, self._hop)) @ filters.T
            levels = np.log10(np.maximum(power / FLOOR, 1)) / np.log10(1 / FLOOR)
            return np.asarray(levels.reshape(len(clips), -1))

        # The frames of a clip overlap twice and become complex double numbers.
        return mean_over_windows(clips, sample_rate, sample_rate, self.policy, run, 8 * clips.shape[-1])
