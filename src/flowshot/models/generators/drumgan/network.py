"""Generator and discriminator that grow from small to full spectrograms (Karras et al. 2017, arXiv:1710.10196)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUP = 4  # clips over which the discriminator compares


class EqualisedConv(nn.Conv2d):
    """A convolution that keeps its size, with N(0, 1) weights that are scaled by He's constant at run time."""

    def __init__(self, given: int, width: int, size: int, gain: float = math.sqrt(2)) -> None:
        super().__init__(given, width, size, padding=size // 2)
        self.factor = gain / math.sqrt(given * size**2)
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type] # it has one

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.factor * self.weight, self.bias, padding=self.padding)


class EqualisedLinear(nn.Linear):
    """A linear layer, scaled in the same way."""

    def __init__(self, given: int, width: int, gain: float = math.sqrt(2)) -> None:
        super().__init__(given, width)
        self.factor = gain / math.sqrt(given)
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.factor * self.weight, self.bias)


def leaky(x: Tensor) -> Tensor:
    """The activation of both networks."""
    return functional.leaky_relu(x, 0.2)


def pixel_norm(x: Tensor) -> Tensor:
    """`x: [batch, channels, ...]` with a mean square of 1 over the channels, everywhere."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def downsampled(x: Tensor) -> Tensor:
    """`[batch, channels, height, width]` at half the resolution, averaged."""
    return functional.avg_pool2d(x, 2)


def upsampled(x: Tensor) -> Tensor:
    """At twice the resolution, each value four times."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def with_batch_deviation(x: Tensor) -> Tensor:
    """`x: [batch, channels, height, width]` with one more channel: how much the clips of a group differ, on average.

    The groups have `GROUP` clips, or as many as divide the batch.
    """
    size = max(size for size in range(1, GROUP + 1) if len(x) % size == 0)
    variance = x.unflatten(0, (size, -1)).var(0, unbiased=False)
    # 0 for equal clips, where a root has no slope.
    deviation = ((variance + 1e-8).sqrt() - 1e-4).mean((1, 2, 3), keepdim=True)
    return torch.cat([x, deviation.repeat(size, 1, *x.shape[2:])], 1)


class SpectrogramGenerator(nn.Module):
    """`latent: [batch, size]` and `asked: [batch, attributes]`, standardised -> `[batch, 2, height, width]`."""

    def __init__(self, given: int, widths: tuple[int, ...], shape: tuple[int, int]) -> None:
        super().__init__()
        halvings = 2 ** (len(widths) - 1)
        self.smallest = (widths[0], shape[0] // halvings, shape[1] // halvings)
        self.first = EqualisedLinear(given, math.prod(self.smallest))
        pairs = [(widths[max(0, i - 1)], width) for i, width in enumerate(widths)]
        self.before = nn.ModuleList(EqualisedConv(*pair, 3) for pair in pairs[1:])
        self.behind = nn.ModuleList(EqualisedConv(width, width, 3) for width in widths)
        self.outputs = nn.ModuleList(EqualisedConv(width, 2, 1, gain=1.0) for width in widths)

    def forward(self, latent: Tensor, asked: Tensor, scale: int, fade: float) -> Tensor:
        """`scale` counts from 0, the smallest; with `fade` below 1 it is mixed with the scale before it."""
        x = self.first(torch.cat([pixel_norm(latent), asked], 1)).unflatten(1, self.smallest)
        x = pixel_norm(leaky(self.behind[0](pixel_norm(leaky(x)))))
        former = x
        for level in range(1, scale + 1):
            former = x
            x = pixel_norm(leaky(self.before[level - 1](upsampled(x))))
            x = pixel_norm(leaky(self.behind[level](x)))
        found: Tensor = self.outputs[scale](x)
        if fade < 1 and scale > 0:
            found = torch.lerp(upsampled(self.outputs[scale - 1](former)), found, fade)
        return found


class Discriminator(nn.Module):
    """Spectrograms -> `[batch, attributes]`, guessed (before the sigmoid), and scores `[batch]`, high for real ones."""

    def __init__(self, attributes: int, widths: tuple[int, ...], shape: tuple[int, int]) -> None:
        super().__init__()
        halvings = 2 ** (len(widths) - 1)
        positions = (shape[0] // halvings) * (shape[1] // halvings)
        pairs = [(width, widths[max(0, i - 1)]) for i, width in enumerate(widths)]
        self.inputs = nn.ModuleList(EqualisedConv(2, width, 1) for width in widths)
        self.before = nn.ModuleList(EqualisedConv(width, width, 3) for width in widths[1:])
        self.behind = nn.ModuleList(EqualisedConv(*pair, 3) for pair in pairs[1:])
        self.compared = EqualisedConv(widths[0] + 1, widths[0], 3)
        self.hidden = EqualisedLinear(widths[0] * positions, widths[0])
        self.last = EqualisedLinear(widths[0], attributes + 1, gain=1.0)

    def forward(self, spectrograms: Tensor, scale: int, fade: float) -> tuple[Tensor, Tensor]:
        """`scale` and `fade` as those of the generator."""
        x = leaky(self.inputs[scale](spectrograms))
        for level in range(scale, 0, -1):
            x = leaky(self.behind[level - 1](leaky(self.before[level - 1](x))))[:, :, ::2, ::2]
            if level == scale and fade < 1:
                x = torch.lerp(leaky(self.inputs[level - 1](downsampled(spectrograms))), x, fade)
        x = leaky(self.compared(with_batch_deviation(x)))
        found = self.last(leaky(self.hidden(x.flatten(1))))
        return found[:, :-1], found[:, -1]
