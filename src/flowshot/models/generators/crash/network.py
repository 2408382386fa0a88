"""The network that estimates the noise in a waveform: a U-Net of dilated convolutions, given the noise level."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (1, 2, 4, 8)
EMBEDDING = 512


class NoiseEmbedding(nn.Module):
    """`sigma: [batch]` -> `[batch, 512]`: random Fourier features, then three layers."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 16 * torch.randn(32))
        sizes = (64, 128, 256, EMBEDDING)
        self.layers = nn.Sequential(
            *(layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU()))
        )  # fmt: skip

    def forward(self, sigma: Tensor) -> Tensor:
        angles = 2 * math.pi * sigma.unsqueeze(1) * self.frequencies
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], 1))
        return embedded


class DilatedBlock(nn.Module):
    """Four dilated convolutions beside a 1x1 convolution: `[batch, channels, samples]` at one width and rate."""

    def __init__(self, given: int, residual: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(given if i == 0 else width, width, 3, padding=dilation, dilation=dilation)
            for i, dilation in enumerate(DILATIONS)
        )
        self.residual = nn.Conv1d(residual, width, 1)

    def run(self, x: Tensor, residual: Tensor, film: Tensor | None) -> Tensor:
        """`film: [batch, 2 width]` scales and shifts what the first convolution gives (Perez et al. 2017)."""
        for i, convolution in enumerate(self.convolutions):
            x = convolution(functional.leaky_relu(x, 0.2))
            if i == 0 and film is not None:
                gamma, shift = film.unsqueeze(2).chunk(2, 1)
                x = gamma * x + shift
        return x + self.residual(residual)


class Down(DilatedBlock):
    """`[batch, given, samples]` -> `[batch, width, samples / factor]`, conditioned on the noise level."""

    def __init__(self, given: int, width: int, factor: int) -> None:
        super().__init__(given, given, width)
        self.film = nn.Linear(EMBEDDING, 2 * width)
        self.factor = factor

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = x[..., :: self.factor]  # the nearest sample
        return self.run(x, x, self.film(embedding))


class Up(DilatedBlock):
    """`[batch, given, samples]` with the skip connection, twice as wide -> `[batch, width, samples * factor]`.

    The residual passes the skip connection by; so says the published number of parameters.
    """

    def __init__(self, given: int, skip: int, width: int, factor: int) -> None:
        super().__init__(given + skip, given, width)
        self.factor = factor

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        both = torch.cat([x, skip], 1).repeat_interleave(self.factor, 2)
        return self.run(both, both[:, : x.size(1)], None)


class NoiseEstimator(nn.Module):
    """`x: [batch, samples]` and its noise `sigma: [batch]` -> the estimate of the noise, `[batch, samples]`."""

    def __init__(self, channels: tuple[int, ...], factors: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, channels[0], 5, padding=2)
        self.embedding = NoiseEmbedding()
        self.down = nn.ModuleList(Down(*pair, factor) for pair, factor in zip(pairwise(channels), factors, strict=True))
        # From the deepest level up; the last one stays as wide as the first level.
        skips = channels[:0:-1]
        widths = (*skips[1:], channels[1])
        given = (channels[-1], *widths[:-1])
        self.up = nn.ModuleList(Up(*sizes) for sizes in zip(given, skips, widths, factors[::-1], strict=True))
        self.last = nn.Conv1d(channels[1], 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.orthogonal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type] # it has one

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        embedding = self.embedding(sigma)
        x = self.first(x.unsqueeze(1))
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x, embedding)
            skips.append(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        estimate: Tensor = self.last(x).squeeze(1)
        return estimate
