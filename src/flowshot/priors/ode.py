"""Solve ordinary differential equations by Heun's method, and the trace of a Jacobian."""

from collections.abc import Callable

import torch
from torch import Tensor

# More at once take more memory and are hardly faster.
DIRECTIONS_AT_ONCE = 32


def solve(
    field: Callable[[Tensor, Tensor], Tensor], points: Tensor, start: float, end: float, steps: int
) -> Tensor:  # fmt: skip
    """Move `points: [n, size]` along `field(points, times: [n])` from time `start` to `end`, which may be earlier.

    Heun's method (the explicit trapezoidal rule) calls the field twice a step; its error is O(1 / steps^2).
    """
    width = (end - start) / steps
    for step in range(steps):
        times = torch.full_like(points[:, 0], start + step * width)
        ahead = torch.full_like(times, start + (step + 1) * width)
        slope = field(points, times)
        slope = 0.5 * (slope + field(points + width * slope, ahead))
        points = points + width * slope
    return points


def trace_along(function: Callable[[Tensor], Tensor], points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Values `[n, size]` of `function` at `points: [n, size]`, and e^T J e of its Jacobian J, `[k, n]`.

    `directions: [k, n, size]` are the e. Over the unit vectors they sum to the trace; over random signs their mean is
    an unbiased estimate of it (Hutchinson 1989; Grathwohl et al. 2019, 1810.01367).
    """

    def along(direction: Tensor) -> tuple[Tensor, Tensor]:
        value, slope, *_ = torch.func.jvp(function, (points,), (direction,))
        return value, (direction * slope).sum(-1)

    found = [torch.func.vmap(along)(chunk) for chunk in directions.split(DIRECTIONS_AT_ONCE)]
    # The value is the same for every direction.
    return found[0][0][0], torch.cat([products for _, products in found])
