"""The low anchor: real sounds made bad in a way that every listener hears."""

import numpy as np

CUTOFF = 3500.0  # Hz, that of the low-range anchor of ITU-R BS.1534-3
NOISE_DB = -30.0  # of the noise, relative to the clip's peak


def low_anchor(clips: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Real `clips: [n, samples]`, dull and noisy.

    Low-passed at 3.5 kHz as the standard's anchor is, and with steady white noise below that: of a bass drum nothing
    lies above 3.5 kHz, and hiss where a sound should have ended is what decoders do wrong (the standard asks that
    anchors resemble the systems under test).
    """
    noise = generator.standard_normal(clips.shape)
    noise *= 10 ** (NOISE_DB / 20) * np.abs(clips).max(axis=1, keepdims=True)
    samples = clips.shape[1]
    frequency = np.fft.rfftfreq(2 * samples, 1 / sample_rate)
    # A Butterworth's magnitude of order 8: no ringing that is heard.
    gain = 1 / np.sqrt(1 + (frequency / CUTOFF) ** 16)
    passed = np.fft.irfft(np.fft.rfft(clips + noise, 2 * samples) * gain, 2 * samples)[:, :samples]
    return passed.astype(np.float32)
