"""A small transformer over the frames of a latent, conditioned on time and, optionally, on a vector."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.priors.rectified_flow import TIME_FREQUENCIES, time_features

HEADS = 4


class FrameTransformer(nn.Module):
    """`points: [n, dimensions, frames]` at `times: [n]` in 0 to 1 -> `[n, out, frames]`, 0 before it is trained.

    Attention over all frames; time and `condition: [n, condition]` scale and shift each normalisation (Peebles & Xie
    2023, 2212.09748). Positions are learned, because a latent always has the same number of frames.
    """

    def __init__(self, dimensions: int, out: int, frames: int, width: int, layers: int, condition: int = 0) -> None:
        super().__init__()
        self.enter = nn.Linear(dimensions, width)
        self.position = nn.Parameter(0.02 * torch.randn(frames, width))
        self.told = nn.Linear(2 * TIME_FREQUENCIES + condition, width)
        self.blocks = nn.ModuleList(FrameBlock(width) for _ in range(layers))
        self.leave = nn.Linear(width, out)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, points: Tensor, times: Tensor, condition: Tensor | None = None) -> Tensor:
        features = time_features(times)
        if condition is not None:
            features = torch.cat([features, condition], dim=-1)
        told = functional.silu(self.told(features))
        hidden = self.enter(points.transpose(1, 2)) + self.position
        for block in self.blocks:
            hidden = block(hidden, told)
        return self.leave(functional.silu(hidden)).transpose(1, 2)


class FrameBlock(nn.Module):
    """`hidden: [n, frames, width]` and what it is told, `[n, width]` -> `[n, frames, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.told = nn.Linear(width, 6 * width)
        self.heads, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, hidden: Tensor, told: Tensor) -> Tensor:
        scale, shift, gate, inner_scale, inner_shift, inner_gate = self.told(told)[:, None].chunk(6, dim=-1)
        hidden = hidden + (1 + gate) * self._attend(_normalised(hidden) * (1 + scale) + shift)
        return hidden + (1 + inner_gate) * self.inner(_normalised(hidden) * (1 + inner_scale) + inner_shift)

    def _attend(self, hidden: Tensor) -> Tensor:
        query, key, value = self.heads(hidden).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        # Written out: torch's own has no forward derivative, which the density needs.
        weights = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)
        return self.joined((weights @ value).transpose(1, 2).flatten(2))


def _normalised(hidden: Tensor) -> Tensor:
    return functional.layer_norm(hidden, hidden.shape[-1:])
