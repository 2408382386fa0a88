"""The velocity field of a rectified flow."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

TIME_FREQUENCIES = 16


class VelocityNetwork(nn.Module):
    """`points: [n, size]` at `times: [n]` in 0 to 1 -> velocities `[n, size]`.

    The network starts at 0 and is added to the velocity of N(0, I), so it has only to learn what is not Gaussian.
    """

    def __init__(self, size: int, width: int, layers: int) -> None:
        super().__init__()
        self.enter = nn.Linear(size, width)
        self.time = nn.Linear(2 * TIME_FREQUENCIES, width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(layers))
        self.leave = nn.Linear(width, size)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, points: Tensor, times: Tensor) -> Tensor:
        """Velocities `[n, size]`."""
        return gaussian_rate(times)[:, None] * points + self.residual(points, times)

    def residual(self, points: Tensor, times: Tensor) -> Tensor:
        """What the network adds, `[n, size]`."""
        time = functional.silu(self.time(time_features(times)))
        hidden = self.enter(points)
        for block in self.blocks:
            hidden = block(hidden, time)
        return self.leave(functional.silu(hidden))


class ResidualBlock(nn.Module):
    """`hidden: [n, width]` and a time embedding of the same shape -> `[n, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden, self.time, self.back = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, hidden: Tensor, time: Tensor) -> Tensor:
        """`[n, width]`."""
        inner = self.hidden(functional.silu(hidden)) + self.time(time)
        return hidden + self.back(functional.silu(inner))


def time_features(times: Tensor) -> Tensor:
    """Cosines and sines of `times: [n]`, `[n, 2 * TIME_FREQUENCIES]`, from half a period over 0 to 1 upwards."""
    angles = math.pi * times[:, None] * torch.arange(1, TIME_FREQUENCIES + 1, device=times.device)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def gaussian_rate(times: Tensor) -> Tensor:
    """r(t) of the velocity r(t) x that carries N(0, I) to N(0, I) along x_t = (1 - t) x_0 + t x_1.

    E[x_1 - x_0 | x_t = x] = (2t - 1) / (t^2 + (1 - t)^2) x for independent standard normal x_0 and x_1.
    """
    return (2 * times - 1) / (times.square() + (1 - times).square())
