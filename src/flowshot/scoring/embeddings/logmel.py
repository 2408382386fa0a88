"""A full-band embedding without weights: mean and standard deviation over time of a log-mel spectrogram.

It needs no network and hears up to 24 kHz, where pretrained ones stop at 8 kHz, but knows nothing about
sounds: it compares their average colour and how much that changes.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import ClipPolicy, Embedder, clip_policy, mean_over_windows, versions
from flowshot.scoring.metrics.spectral import magnitude_spectrogram

BANDS = 64
LOWEST_HZ = 20.0
HIGHEST_HZ = 24000.0
WINDOW_SECONDS = 2048 / 48000
HOP_SECONDS = 480 / 48000
# Power of the quietest level told from silence, relative to a full-scale sine: -80 dB.
FLOOR = 1e-8


class LogMel:
    """Mean and standard deviation of the level in 64 mel bands between 20 Hz and 24 kHz: 128 numbers.

    A level of 0 is silence (-80 dB relative to a full-scale sine, or less) and 1 a full-scale sine, linear in dB
    between. With larger numbers the cubic kernel of KID would see little but the loudest clips.

    A clip is analysed at its own sample rate with windows and hops of the same duration as 2048 and 480 samples at
    48 kHz. So nothing is resampled, and a clip of 16 kHz has silence in every band above 8 kHz: two sets of one
    rate compare in the bands that they have. Sets of different rates differ by that silence.
    """

    name = "logmel"
    sample_rate = 48000
    dimensions = 2 * BANDS
    classes: Embedder | None = None
    weights_sha256 = hashlib.sha256(
        json.dumps(
            ["logmel", "fraction of range", BANDS, LOWEST_HZ, HIGHEST_HZ, WINDOW_SECONDS, HOP_SECONDS, FLOOR]
        ).encode()
    ).hexdigest()

    def __init__(self, policy: PolicyConfig) -> None:
        self.policy = clip_policy(policy, self.sample_rate)
        self.runtime = versions("numpy")

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        window, hop = round(WINDOW_SECONDS * sample_rate), round(HOP_SECONDS * sample_rate)
        filters = mel_filters(sample_rate, window)

        def run(clips: np.ndarray) -> np.ndarray:
            power = np.square(magnitude_spectrogram(clips, window, hop)) @ filters.T
            bands = np.log10(np.maximum(power / FLOOR, 1)) / np.log10(1 / FLOOR)
            return np.concatenate([bands.mean(axis=1), bands.std(axis=1)], axis=1)

        # The frames of a clip overlap about four times and become complex double numbers.
        return mean_over_windows(
            clips, sample_rate, sample_rate, self._policy_at(sample_rate), run, 16 * clips.shape[-1]
        )

    def _policy_at(self, sample_rate: int) -> ClipPolicy:
        """The policy with windows of the same duration at the clips' own rate."""
        seconds_kept = {
            name: max(1, round(getattr(self.policy, name) * sample_rate / self.sample_rate))
            for name in ("window", "hop", "least", "shortest")
            if getattr(self.policy, name)
        }
        return replace(self.policy, **seconds_kept)


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
