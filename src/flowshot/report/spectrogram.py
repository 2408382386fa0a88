"""Pictures of clips: log-magnitude spectrograms side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLUMNS = 4
FLOOR_DB = -80.0


def decibel_spectrogram(
    clip: NDArray[np.floating], sample_rate: int
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Short-time Fourier magnitudes of a mono clip `[samples]` in dB below its loudest bin, not below `FLOOR_DB`.

    Returns:
        Frequencies in Hz `[bins]`, times in seconds `[frames]`, levels in dB `[bins, frames]`.
    """
    # Imported here because scipy.signal takes half a second, and few who import this module draw.
    from scipy.signal import stft

    # Windows of 32 ms (a power of two long) with three quarters of overlap; a clip shorter than one is padded.
    window = 2 ** max(round(np.log2(0.032 * sample_rate)), 4)
    padded = np.pad(np.asarray(clip, dtype=np.float64), (0, max(window - len(clip), 0)))
    frequencies, times, spectrum = stft(padded, fs=sample_rate, nperseg=window, noverlap=window * 3 // 4)
    magnitude = np.abs(spectrum)
    loudest = magnitude.max()
    if loudest == 0:
        return frequencies, times, np.full(magnitude.shape, FLOOR_DB)
    return frequencies, times, np.maximum(20 * np.log10(np.maximum(magnitude / loudest, 1e-12)), FLOOR_DB)


def draw_spectrogram_files(path: Path, files: Sequence[Path]) -> None:
    """Write a PNG with the spectrogram of each audio file under its name, in dB below its own loudest bin."""
    import soundfile  # these take most of a second
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # without pyplot, which would look for a display

    rows = -(-len(files) // COLUMNS)
    figure = Figure(figsize=(12, 2.2 * rows + 0.8), layout="compressed")
    axes = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).flatten()
    for axis, file in zip(axes, files, strict=False):
        clip, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
        frequencies, times, levels = decibel_spectrogram(clip.mean(axis=1), rate)
        extent = (times[0], times[-1], frequencies[0] / 1000, frequencies[-1] / 1000)
        image = axis.imshow(levels, vmin=FLOOR_DB, vmax=0, cmap="magma", origin="lower", aspect="auto", extent=extent)
        axis.set_title(file.stem, fontsize="small", parse_math=False)
    for axis in axes[len(files) :]:
        axis.set_visible(False)
    figure.supxlabel("time (s)", fontsize="small")
    figure.supylabel("frequency (kHz)", fontsize="small")
    figure.colorbar(image, ax=axes, label="dB below the loudest")
    # Without the metadata the file would name the version of matplotlib that wrote it.
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})
