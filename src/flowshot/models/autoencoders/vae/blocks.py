"""Convolution blocks that encoder and decoder share."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.config import Activation, VAEConfig


def initialise(module: nn.Module) -> None:
    """Give every convolution and linear layer in `module` outputs of about unit variance, and no bias.

    He et al. 2015 (1502.01852). With torch's own initial values each layer here loses most of its input's variation
    over clips: behind encoder and heads nothing of the clip was left, and the latent was noise from the first step.
    """
    # SiLU about halves the power of a unit Gaussian, as ReLU does; Snake keeps it and adds a little.
    snake = any(isinstance(layer, Snake) for layer in module.modules())
    nonlinearity: Literal["linear", "relu"] = "linear" if snake else "relu"
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
            if isinstance(layer, nn.ConvTranspose1d):
                # `kaiming_normal_` would count outputs for inputs, and taps of which an output has one in `stride`.
                inputs = layer.in_channels * layer.kernel_size[0] / layer.stride[0]
                nn.init.normal_(layer.weight, std=nn.init.calculate_gain(nonlinearity) / math.sqrt(inputs))
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity=nonlinearity)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in module.modules():
        if isinstance(layer, ResidualBlock):
            layer.start_as_identity()


class Snake(nn.Module):
    """x + sin^2(a x) / a with a learned a for each channel (Ziyin et al. 2020, 2006.08195, equation 3).

    Its periodic part continues a tone where SiLU would have to build it from pieces.

    Shapes: `[batch, channels, frames]` -> the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        # The rate as an exponential: it stays above 0, so that nothing divides by it at 0.
        rate = self.log_rate.exp()
        return x + (rate * x).sin().square() / rate


def activation(kind: Activation, channels: int) -> nn.Module:
    """The nonlinearity of that name, for features `[batch, channels, frames]`."""
    return Snake(channels) if kind == "snake" else nn.SiLU()


class ResidualBlock(nn.Module):
    """A dilated convolution and a pointwise one around which the input passes unchanged.

    The second convolution starts at zero, so that a deep stack starts as the identity.

    Shapes: `[batch, channels, frames]` -> the same.
    """

    def __init__(self, channels: int, kernel_size: int, dilation: int, kind: Activation = "silu") -> None:
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.before = activation(kind, channels)
        self.dilated = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding)
        self.between = activation(kind, channels)
        self.pointwise = nn.Conv1d(channels, channels, 1)

    def start_as_identity(self) -> None:
        """Set the second convolution to zero."""
        for parameter in self.pointwise.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pointwise(self.between(self.dilated(self.before(x))))


def residual_stack(
    channels: int, kernel_size: int, dilations: Sequence[int], kind: Activation = "silu"
) -> nn.Sequential:
    """One residual block for each dilation."""
    return nn.Sequential(*(ResidualBlock(channels, kernel_size, dilation, kind) for dilation in dilations))


class CentredConvolution(nn.Conv1d):
    """A convolution that answers no constant: each of its kernels has mean 0 over time, and there is no bias.

    Beyond its ends the input goes on as it ended, so that constants do not sound there either.

    Shapes: `[batch, inputs, frames]` -> `[batch, outputs, frames]`.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int) -> None:
        super().__init__(inputs, outputs, kernel_size, padding=kernel_size // 2, padding_mode="replicate", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight - self.weight.mean(-1, keepdim=True), None)


class Downsample(nn.Module):
    """A strided convolution: `[batch, inputs, frames]` -> `[batch, outputs, frames / stride]`."""

    def __init__(self, inputs: int, outputs: int, stride: int, kind: Activation = "silu") -> None:
        super().__init__()
        self.stride = stride
        self.before = activation(kind, inputs)
        self.convolution = nn.Conv1d(inputs, outputs, 2 * stride, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        before = self.stride // 2
        return self.convolution(functional.pad(self.before(x), (before, self.stride - before)))


class Upsample(nn.Module):
    """Linear interpolation and a convolution: `[batch, inputs, frames]` -> `[batch, outputs, frames * stride]`.

    Interpolation first, because transposed convolutions leave a tone at the stride's rate (Odena et al. 2016,
    "Deconvolution and checkerboard artifacts"; Pons et al. 2021, 2010.14356).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, kernel_size: int, kind: Activation = "silu") -> None:
        super().__init__()
        self.stride = stride
        self.before = activation(kind, inputs)
        # Pointwise before the interpolation: the same map at 1/stride of the cost.
        self.pointwise = nn.Conv1d(inputs, outputs, 1)
        self.convolution = nn.Conv1d(outputs, outputs, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pointwise(self.before(x))
        return self.convolution(functional.interpolate(x, scale_factor=float(self.stride), mode="linear"))


class TransposedUpsample(nn.Module):
    """A transposed convolution: `[batch, inputs, frames]` -> `[batch, outputs, frames * stride]`.

    Every output within a stride has weights of its own: at first a tone at the stride's rate, which `Upsample` avoids,
    and soon attacks that lie between frames. After long trainings the tone came back (docs/decoder.md).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, kind: Activation = "silu") -> None:
        super().__init__()
        self.frames_per_frame = stride
        self.before = activation(kind, inputs)
        self.convolution = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        start, length = self.frames_per_frame // 2, x.shape[-1] * self.frames_per_frame
        return self.convolution(self.before(x))[..., start : start + length]


def upsample(config: VAEConfig, inputs: int, outputs: int, stride: int) -> nn.Module:
    """The upsampling that the configuration names."""
    if config.upsampling == "transposed":
        return TransposedUpsample(inputs, outputs, stride, config.activation)
    return Upsample(inputs, outputs, stride, config.kernel_size, config.activation)
