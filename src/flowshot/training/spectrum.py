"""Magnitude spectrograms with a gradient at half of torch's cost."""

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
