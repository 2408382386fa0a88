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

    What lies within `EDGE` frames of either end does not come back whole: pad by that before the analysis, and cut
    after the synthesis.
    """

    analysis_filters: Tensor
    synthesis_kernel: Tensor

    # Frames of silence before and behind a clip without which its first and last samples do not come back.
    EDGE = PERIODS // 2

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        analysis, synthesis = _filters(bands)
        # Not in the weights file: they follow from the number of bands.
        self.register_buffer("analysis_filters", torch.tensor(analysis, dtype=torch.float32), persistent=False)
        self.register_buffer("synthesis_kernel", polyphase_kernel(synthesis, bands), persistent=False)

    def analysis(self, waveform: Tensor) -> Tensor:
        """`waveform: [batch, samples]`, samples a multiple of `bands` -> `[batch, bands, samples / bands]`."""
        taps = self.analysis_filters.shape[-1]
        padded = functional.pad(waveform.unsqueeze(1), (taps // 2, taps - 1 - taps // 2))
        return functional.conv1d(padded, self.analysis_filters.unsqueeze(1), stride=self.bands)

    def synthesis(self, sub_bands: Tensor) -> Tensor:
        """`sub_bands: [batch, bands, frames]` -> `[batch, frames * bands]`."""
        return overlap_add(sub_bands, self.synthesis_kernel)


def polyphase_kernel(filters: np.ndarray, bands: int) -> Tensor:
    """Synthesis filters as the kernel of `overlap_add`.

    A transposed convolution of stride `bands` with one output is an ordinary one with `bands` outputs, the samples of
    a frame (Vaidyanathan 1993, "Multirate systems and filter banks", section 4.3). On one CPU core
    torch computed that form five times faster for the 64 filters of 257 taps of `ToneBank`.

    `filters: [channels, periods * bands + 1]`, with an even number of periods -> `[bands, channels, periods + 1]`.
    """
    channels, taps = filters.shape
    periods, rest = divmod(taps - 1, bands)
    assert rest == 0 and periods % 2 == 0, "the filter's middle must be the first sample of a frame"
    phases = np.zeros((channels, (periods + 1) * bands))
    phases[:, :taps] = filters
    # torch's conv1d correlates: the periods are turned round.
    kernel = phases.reshape(channels, periods + 1, bands)[:, ::-1].transpose(2, 0, 1)
    return torch.tensor(np.ascontiguousarray(kernel), dtype=torch.float32)


def overlap_add(channels: Tensor, kernel: Tensor) -> Tensor:
    """Every value of `channels: [batch, channels, frames]` times its filter, summed: `[batch, frames * bands]`."""
    frames = functional.conv1d(channels, kernel, padding=kernel.shape[-1] // 2)
    return frames.transpose(1, 2).flatten(1)


@functools.cache  # encoder and decoder have the same bank, and its prototype takes a search
def _filters(bands: int) -> tuple[np.ndarray, np.ndarray]:
    """Analysis filters `[bands, taps]` as kernels of torch's correlation, and synthesis filters as they are."""
    order = PERIODS * bands
    prototype = _prototype(bands, order)
    n = np.arange(order + 1) - order / 2
    k = np.arange(bands)[:, None]
    angle = (2 * k + 1) * np.pi / (2 * bands) * n
    phase = np.where(k % 2 == 0, 1, -1) * np.pi / 4
    analysis = 2 * prototype * np.cos(angle + phase)
    synthesis = 2 * prototype * np.cos(angle - phase) * bands
    return analysis[:, ::-1].copy(), synthesis


def _prototype(bands: int, order: int) -> np.ndarray:
    """The low-pass whose power spectrum is most nearly complementary at its band edge."""
    low, high = 0.5 / (2 * bands), 1.5 / (2 * bands)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _overlap_error(kaiser_low_pass(left, order), bands) < _overlap_error(kaiser_low_pass(right, order), bands):
            high = right
        else:
            low = left
    return kaiser_low_pass((low + high) / 2, order)


def kaiser_low_pass(cutoff: float, order: int, beta: float = KAISER_BETA) -> np.ndarray:
    """A windowed sinc of `order + 1` taps; `cutoff` in units of the Nyquist frequency."""
    n = np.arange(order + 1) - order / 2
    return cutoff * np.sinc(cutoff * n) * np.kaiser(order + 1, beta)


def _overlap_error(prototype: np.ndarray, bands: int) -> float:
    """Largest autocorrelation at multiples of 2 * bands, relative to that at 0: none means complementary power."""
    correlation = np.correlate(prototype, prototype, mode="full")
    centre = len(prototype) - 1
    return float(np.abs(correlation[centre + 2 * bands :: 2 * bands]).max() / correlation[centre])
