"""Pseudo quadrature mirror filters: a waveform as critically sampled sub-bands, and back.

Cosine-modulated filter bank with near-perfect reconstruction (Nguyen 1994, "Near-perfect-reconstruction
pseudo-QMF banks", IEEE Trans. Signal Processing 42(1)). The prototype is a Kaiser-windowed low-pass whose
cutoff is searched for so that its power is complementary (Lin & Vaidyanathan 1998, IEEE Signal Processing
Letters 5(6)). Multi-band front ends make the network run at 1/bands of the sample rate (RAVE, 2111.05011).
"""

import functools
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# Filter length in band periods, and the window's shape: about 80 dB between bands that are not neighbours.
PERIODS = 12
KAISER_BETA = 9.0


class PQMF(nn.Module):
    """Split a waveform into `bands` sub-bands at 1/`bands` of its sample rate, and put it together again.

    Example:
        >>> bank = PQMF(bands=16)
        >>> x = torch.randn(2, 16000)
        >>> bank.analysis(x).shape
        torch.Size([2, 16, 1000])
        >>> bank.synthesis(bank.analysis(x)).shape
        torch.Size([2, 16000])
    """

    analysis_filters: Tensor
    synthesis_filters: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        analysis, synthesis = _filters(bands)
        # Not in the weights file: they follow from the number of bands.
        self.register_buffer("analysis_filters", torch.tensor(analysis, dtype=torch.float32), persistent=False)
        self.register_buffer("synthesis_filters", torch.tensor(synthesis, dtype=torch.float32), persistent=False)

    def analysis(self, waveform: Tensor) -> Tensor:
        """`waveform: [batch, samples]`, samples a multiple of `bands` -> `[batch, bands, samples / bands]`."""
        taps = self.analysis_filters.shape[-1]
        padded = functional.pad(waveform.unsqueeze(1), (taps // 2, taps - 1 - taps // 2))
        return functional.conv1d(padded, self.analysis_filters.unsqueeze(1), stride=self.bands)

    def synthesis(self, sub_bands: Tensor) -> Tensor:
        """`sub_bands: [batch, bands, frames]` -> `[batch, frames * bands]`."""
        taps = self.synthesis_filters.shape[-1]
        waveform = functional.conv_transpose1d(sub_bands, self.synthesis_filters.unsqueeze(1), stride=self.bands)
        start = taps // 2
        return waveform[:, 0, start : start + sub_bands.shape[-1] * self.bands]


@functools.cache  # encoder and decoder have the same bank, and its prototype takes a search
def _filters(bands: int) -> tuple[np.ndarray, np.ndarray]:
    """Analysis and synthesis filters `[bands, taps]`, as kernels of torch's correlation and its transpose."""
    order = PERIODS * bands
    prototype = _prototype(bands, order)
    n = np.arange(order + 1) - order / 2
    k = np.arange(bands)[:, None]
    angle = (2 * k + 1) * np.pi / (2 * bands) * n
    phase = np.where(k % 2 == 0, 1, -1) * np.pi / 4
    analysis = 2 * prototype * np.cos(angle + phase)
    synthesis = 2 * prototype * np.cos(angle - phase) * bands
    # torch's conv1d correlates, and its transpose convolves: only the analysis filter is turned round.
    return analysis[:, ::-1].copy(), synthesis


def _prototype(bands: int, order: int) -> np.ndarray:
    """The low-pass whose power spectrum is most nearly complementary at its band edge."""
    low, high = 0.5 / (2 * bands), 1.5 / (2 * bands)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _overlap_error(_kaiser_lowpass(left, order), bands) < _overlap_error(_kaiser_lowpass(right, order), bands):
            high = right
        else:
            low = left
    return _kaiser_lowpass((low + high) / 2, order)


def _kaiser_lowpass(cutoff: float, order: int) -> np.ndarray:
    """A windowed sinc of `order + 1` taps; `cutoff` in units of the Nyquist frequency."""
    n = np.arange(order + 1) - order / 2
    return cutoff * np.sinc(cutoff * n) * np.kaiser(order + 1, KAISER_BETA)


def _overlap_error(prototype: np.ndarray, bands: int) -> float:
    """Largest autocorrelation at multiples of 2 * bands, relative to that at 0: none means complementary power."""
    correlation = np.correlate(prototype, prototype, mode="full")
    centre = len(prototype) - 1
    return float(np.abs(correlation[centre + 2 * bands :: 2 * bands]).max() / correlation[centre])
