"""Magnitude spectrograms whose gradient costs half as much as torch's, and mel bands."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

# The root's slope is infinite at 0, where a silent clip is.
EPSILON = 1e-7


def magnitude(clips: Tensor, fft_size: int, window: Tensor) -> Tensor:
    """`clips: [batch, samples]` -> `[batch, fft_size // 2 + 1, frames]`; a full-scale sine reads about 1.

    Frames are a quarter of `fft_size` apart, the first one centred at the first sample; beyond its ends a clip is
    silent.
    """
    frames = functional.pad(clips, (fft_size // 2, fft_size // 2)).unfold(-1, fft_size, fft_size // 4)
    power = PowerSpectrum.apply(frames * window).transpose(1, 2)
    return (power + EPSILON**2).sqrt() * (2 / window.sum())


def mel_filters(bands: int, fft_size: int, sample_rate: int) -> Tensor:
    """Triangles that average the bins of a spectrum in mel bands, `[bands, fft_size // 2 + 1]`; each row sums to 1.

    The mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987). A band narrower than the distance of two bins, as the
    lowest ones are, takes the bin nearest to its centre.
    """
    bins = torch.linspace(0, sample_rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    highest = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, bands + 2, dtype=torch.float64) / 2595) - 1)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = torch.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)).clamp(min=0)
    nearest = torch.nn.functional.one_hot((bins - centre).abs().argmin(1), len(bins)).to(filters)
    filters = torch.where(filters.sum(1, keepdim=True) > 0, filters, nearest)
    return (filters / filters.sum(1, keepdim=True)).float()


class PowerSpectrum(torch.autograd.Function):
    """Squared magnitudes of the real Fourier transform: `[..., size]` -> `[..., size // 2 + 1]`.

    With X = rfft(x), p = |X|^2 and g the gradient by p, the gradient by x[n] is the real part of
    2 sum_k g_k X_k exp(2 pi i k n / size) over the bins of rfft. The inverse real transform counts every bin twice but
    those that are their own mirror image, 0 and the Nyquist frequency; with these doubled it is that gradient. torch's
    own gradient of rfft is a complex transform of full length.
    """

    @staticmethod
    def forward(ctx: Any, frames: Tensor) -> Tensor:  # noqa: D102
        spectrum = torch.fft.rfft(frames)
        ctx.save_for_backward(spectrum)
        ctx.size = frames.shape[-1]
        return spectrum.real.square() + spectrum.imag.square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: D102
        (spectrum,) = ctx.saved_tensors
        weights = gradient.clone()
        weights[..., 0] *= 2
        if ctx.size % 2 == 0:
            weights[..., -1] *= 2
        return torch.fft.irfft(spectrum * weights, n=ctx.size, norm="forward")
