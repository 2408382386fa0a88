"""How far reconstructions are from their originals, clip by clip, in their samples and their loudness over time."""

import numpy as np

# Limits of the ratio: exact reconstructions and silent ones stay numbers.
LIMIT_DB = 100.0
ENVELOPE_SECONDS = 0.01


def si_sdr(reconstructions: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """The scale-invariant signal-to-distortion ratio of each pair of clips, `[n, samples]` twice, as `[n]` in dB.

    Le Roux et al. (2019), "SDR - half-baked or well done?" (arXiv:1811.02508), eq. 2-5, with the original scaled to
    the reconstruction; between -100 and 100 dB. A silent original has no direction to project on: -100 dB, unless
    the reconstruction is silent, too: 100 dB.
    """
    found, wanted = reconstructions.astype(np.float64), originals.astype(np.float64)
    power = np.square(wanted).sum(axis=1)
    scale = np.divide((found * wanted).sum(axis=1), power, out=np.zeros(len(power)), where=power > 0)
    target = scale[:, None] * wanted
    signal, distortion = np.square(target).sum(axis=1), np.square(found - target).sum(axis=1)
    ratio = np.full(len(power), LIMIT_DB)
    ratio[signal == 0] = -LIMIT_DB
    ratio[(distortion == 0) & (power == 0)] = LIMIT_DB
    both = (signal > 0) & (distortion > 0)
    ratio[both] = 10 * np.log10(signal[both] / distortion[both])
    return np.clip(ratio, -LIMIT_DB, LIMIT_DB)


def envelope_correlation(reconstructions: np.ndarray, originals: np.ndarray, sample_rate: int) -> np.ndarray:
    """Pearson's correlation of the loudness of each pair of clips, `[n, samples]` twice, as `[n]`; 1 if alike.

    Loudness is the root mean square of frames of 10 ms. An envelope that never changes has no correlation: 0, unless
    both are the same: 1.
    """
    frame = max(1, round(ENVELOPE_SECONDS * sample_rate))
    found, wanted = _envelope(reconstructions, frame), _envelope(originals, frame)
    a, b = found - found.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    together = (a * b).sum(axis=1)
    correlation = np.divide(together, spread, out=np.zeros(len(spread)), where=spread > 0)
    correlation[(found == wanted).all(axis=1)] = 1.0
    return np.clip(correlation, -1, 1)


def _envelope(clips: np.ndarray, frame: int) -> np.ndarray:
    """Root mean squares `[n, frames]`, the last frame filled up with silence."""
    padded = np.pad(clips.astype(np.float64), ((0, 0), (0, -clips.shape[1] % frame)))
    return np.asarray(np.sqrt(np.square(padded).reshape(len(clips), -1, frame).mean(axis=2)))
