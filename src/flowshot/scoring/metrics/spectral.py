"""How far reconstructions are from their originals, clip by clip, in spectrograms of several resolutions."""

import numpy as np

from flowshot.core.process import workers

FFT_SIZES = (2048, 1024, 512, 256, 128)
# Magnitudes below -80 dB relative to a full-scale sine count as silence.
FLOOR = 1e-4
LSD_FFT = 2048


def multi_scale_stft_distance(reconstructions: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """The distance of each pair of clips, `[n, samples]` twice, as `[n]`; 0 for identical clips.

    Spectral convergence |M - M'| / |M| (Frobenius norms) plus the mean absolute difference of log magnitudes,
    averaged over the resolutions: Yamamoto et al. (2020), "Parallel WaveGAN" (arXiv:1910.11480), eq. 4-6, with
    magnitudes not below -80 dB in the logarithm and a hop of a quarter window. Paired clips compare at any n.
    """
    pairs = zip(reconstructions, originals, strict=True)
    return np.array([np.mean([_distance(*pair, size) for size in FFT_SIZES]) for pair in pairs])


def log_spectral_distance(reconstructions: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """The log-spectral distance of each pair of clips, `[n, samples]` twice, as `[n]` in dB; 0 for identical clips.

    Gray and Markel (1976), "Distance measures for speech processing": the root mean square over frequency of the
    difference of log power spectra, averaged over frames; magnitudes below -80 dB count as silence.
    """
    values = np.zeros(len(originals))
    for i, pair in enumerate(zip(reconstructions, originals, strict=True)):
        levels = 20 * np.log10(np.maximum(magnitude_spectrogram(np.stack(pair), LSD_FFT, LSD_FFT // 4), FLOOR))
        values[i] = np.sqrt(np.square(levels[0] - levels[1]).mean(axis=1)).mean()
    return values


def magnitude_spectrogram(clips: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Magnitudes of `clips: [n, samples]`, the square roots of `power_spectrogram`; a full-scale sine has 1."""
    return np.sqrt(power_spectrogram(clips, window, hop))


def power_spectrogram(clips: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Powers `[n, frames, window // 2 + 1]` of `clips: [n, samples]`, float32; a full-scale sine has power 1.

    Windows are centred every `hop` samples, the clip being silent on either side of its ends.
    """
    padded = np.pad(clips, ((0, 0), (window // 2, window - 1 - window // 2)))
    spectrum = hann_spectra(padded, window, hop, workers())
    return np.square(spectrum.real) + np.square(spectrum.imag)


def hann_spectra(clips: np.ndarray, window: int, hop: int, threads: int = 1) -> np.ndarray:
    """Spectra `[n, frames, window // 2 + 1]` of `clips: [n, samples]`, complex64; a full-scale sine has magnitude 1.

    Of Hann windows that begin every `hop` samples and lie within the clip. In single precision, which halves the time:
    its rounding lies 40 dB below what counts as silence.
    """
    from scipy.fft import rfft  # metrics can be imported without scipy

    shape = np.hanning(window + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(clips.astype(np.float32), window, axis=1)[:, ::hop]
    return np.asarray(rfft(frames * (2 / shape.sum() * shape).astype(np.float32), workers=threads))


def _distance(reconstruction: np.ndarray, original: np.ndarray, size: int) -> float:
    found, wanted = magnitude_spectrogram(np.stack([reconstruction, original]), size, size // 4)
    # A silent original has no magnitude to relate the difference to; the floor takes its place.
    scale = max(np.linalg.norm(wanted), FLOOR * np.sqrt(wanted.size))
    logarithms = np.abs(np.log(np.maximum(found, FLOOR)) - np.log(np.maximum(wanted, FLOOR)))
    return float(np.linalg.norm(found - wanted) / scale + logarithms.mean())
