"""Solve ordinary differential equations in steps of equal length, and the divergence of their fields."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Solver = Literal["euler", "heun"]
# [n, size] and [n] -> [n, size].
Field = Callable[[Tensor, Tensor], Tensor]

# More of them take more memory and are hardly faster.
DIRECTIONS_AT_ONCE = 32


def solve(field: Field, points: Tensor, start: float, end: float, steps: int, solver: Solver) -> Tensor:
    """Where `points: [n, size]` are at the time `end` that move with `field(points, times)` from the time `start` on.

    `euler` looks at the field once a step and errs by O(1 / steps), `heun` (the explicit trapezoidal rule) twice and
    by O(1 / steps^2). `end` may lie before `start`.
    """
    width = (end - start) / steps
    for step in range(steps):
        times = torch.full_like(points[:, 0], start + step * width)
        slope = field(points, times)
        if solver == "heun":
            ahead = torch.full_like(times, start + (step + 1) * width)
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
