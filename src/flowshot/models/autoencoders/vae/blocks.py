"""Convolution blocks that encoder and decoder share."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

KERNEL_SIZE = 3


def initialise(module: nn.Module) -> None:
    """Give every convolution and linear layer in `module` outputs of about unit variance, and no bias.

    He et al. 2015 (1502.01852); SiLU about halves the power of a unit Gaussian, as ReLU does. With torch's own initial
    values each layer here loses most of its input's variation over clips: nothing of the clip was left behind encoder
    and heads, and the latent was noise from the first step.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in module.modules():
        if isinstance(layer, ResidualBlock):
            layer.start_as_identity()


def convolution(inputs: int, outputs: int, kernel_size: int) -> nn.Conv1d:
    """A convolution that keeps the number of frames."""
    return nn.Conv1d(inputs, outputs, kernel_size, padding=kernel_size // 2)


class ResidualBlock(nn.Module):
    """The input plus a dilated and a pointwise convolution of it.

    The second convolution starts at zero, so that a deep stack starts as the identity.

    Shapes: `[batch, channels, frames]` -> the same.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (KERNEL_SIZE - 1) // 2
        self.dilated = nn.Conv1d(channels, channels, KERNEL_SIZE, dilation=dilation, padding=padding)
        self.pointwise = nn.Conv1d(channels, channels, 1)

    def start_as_identity(self) -> None:
        """Set the second convolution to zero."""
        for parameter in self.pointwise.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pointwise(functional.silu(self.dilated(functional.silu(x))))


def residual_stack(channels: int, dilations: Sequence[int]) -> nn.Sequential:
    """One residual block for each dilation."""
    return nn.Sequential(*(ResidualBlock(channels, dilation) for dilation in dilations))


class Downsample(nn.Module):
    """A strided convolution: `[batch, inputs, frames]` -> `[batch, outputs, frames / stride]`."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv1d(inputs, outputs, 2 * stride, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        before = self.stride // 2
        return self.convolution(functional.pad(functional.silu(x), (before, self.stride - before)))


class Upsample(nn.Module):
    """Linear interpolation and a convolution: `[batch, inputs, frames]` -> `[batch, outputs, frames * stride]`.

    Interpolation, because transposed convolutions leave a tone at the stride's rate (Odena et al. 2016,
    "Deconvolution and checkerboard artifacts"; Pons et al. 2021, 2010.14356).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        # Pointwise before the interpolation: the same map at 1/stride of the cost.
        self.pointwise = nn.Conv1d(inputs, outputs, 1)
        self.convolution = convolution(outputs, outputs, KERNEL_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pointwise(functional.silu(x))
        return self.convolution(functional.interpolate(x, scale_factor=float(self.stride), mode="linear"))
