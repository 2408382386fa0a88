"""A rectified flow on frozen latents: an ordinary differential equation that carries noise to latents."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.core.randomness import torch_generator
from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.densities.whitening import Whitening
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior
from flowshot.priors.fitting import FitConfig, fit_network

TIME_FREQUENCIES = 16
# The held-out loss is taken at this many points; each is a held-out latent with its own noise and time.
HELD_OUT_POINTS = 4096
BATCH_SIZE = 1024  # latents per batch of a density
DENSITY_STEPS = 20  # of its integral
# Up to this many dimensions the trace is exact; above, Hutchinson's estimate from RANDOM_DIRECTIONS. With 2 of them
# its noise is 1 to 2 nats a latent on 128 dimensions, where clips differ by 40, and 8 take twice the time.
EXACT_TRACE_SIZE = 64
RANDOM_DIRECTIONS = 2
DIRECTIONS_AT_ONCE = 32  # more take more memory and are hardly faster

Field = Callable[[Tensor, Tensor], Tensor]  # points `[n, size]` and times `[n]` -> velocities `[n, size]`


@dataclass(frozen=True)
class RectifiedFlowPriorConfig(FitConfig):
    """A rectified flow: its velocity network, the length of its fit, and the steps of the solver when it samples."""

    layers: int
    width: int
    solver_steps: int


class RectifiedFlowPrior(LatentPrior):
    """A velocity network on whitened latents.

    Liu et al. 2022 (2209.03003): the velocity of straight paths from noise to latents, learned by regression; times
    are drawn logit-normal (Esser et al. 2024, 2403.03206). Density by the instantaneous change of variables (Chen et
    al. 2018, 1806.07366). It is exact but for the steps of the solver and, above `EXACT_TRACE_SIZE` dimensions, the
    noise of Hutchinson's estimate, which is unbiased.
    """

    def __init__(self, config: RectifiedFlowPriorConfig, size: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.whitening = Whitening(size)
        self.velocity = VelocityNetwork(size, config.width, config.layers)

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        self.whitening.fit(latents)
        whitened, held_out = self.whitening(latents), self.whitening(validation)[held_out_rows(len(validation))]
        fixed_noise, fixed_times = noise_and_times(len(held_out), self.size, generator)

        @torch.no_grad()
        def held_out_loss() -> float:
            return float(straight_path_loss(self.velocity, fixed_noise, held_out, fixed_times))

        def loss(rows: Tensor) -> Tensor:
            noise, times = noise_and_times(len(rows), self.size, generator)
            return straight_path_loss(self.velocity, noise, whitened[rows], times)

        fit_network(self.velocity, len(whitened), loss, held_out_loss, self.config, generator, checkpoint)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(count, self.size, generator=generator)
        return self.whitening.inverse(solve(self.velocity, noise, 0.0, 1.0, self.config.solver_steps))

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        """See `LatentPrior`. Two calls give the same."""
        generator = trace_generator()
        return torch.cat([self._log_prob(batch, generator) for batch in latents.split(BATCH_SIZE)])

    def _log_prob(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        noise, log_det = noise_and_log_det(
            self.velocity.residual,
            lambda points, times: gaussian_rate(times)[:, None] * points,
            self.whitening(latents),
            generator,
        )
        return standard_normal_log_prob(noise) + log_det + self.whitening.log_det


def held_out_rows(total: int, count: int = HELD_OUT_POINTS) -> Tensor:
    """`count` rows of `total`, spread evenly, and repeated where `total` is smaller."""
    return torch.arange(count) * total // count


def noise_and_times(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Standard normal noise `[count, size]`, and logit-normal times `[count]`."""
    times = torch.sigmoid(torch.randn(count, generator=generator))
    return torch.randn(count, size, generator=generator), times


def straight_path_loss(field: Field, start: Tensor, end: Tensor, times: Tensor) -> Tensor:
    """Mean squared error of the velocity `field` on the straight paths from `start` to `end`, both `[n, size]`."""
    points = torch.lerp(start, end, times[:, None])
    return (field(points, times) - (end - start)).square().mean()


def trace_generator() -> torch.Generator:
    """What draws the directions of a density: the same at every call, but others for each batch of latents."""
    return torch_generator(0, "rectified_flow", "trace")


def noise_and_log_det(
    residual: Field, gaussian: Field, points: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The noise `[n, size]` that `residual + gaussian` carries to `points: [n, size]`, and the log-determinant `[n]`.

    The latter is the divergence, integrated along the path from 1 to 0. That of `gaussian` must be antisymmetric in
    time about 1/2, so that it integrates to 0. `generator` draws the directions of an estimated trace.
    """
    count, size = points.shape
    exact = size <= EXACT_TRACE_SIZE
    if exact:
        directions = torch.eye(size)[:, None].expand(-1, count, -1)
    else:  # the same along the whole path
        directions = torch.randint(2, (RANDOM_DIRECTIONS, count, size), generator=generator) * 2.0 - 1

    def moving(state: Tensor, times: Tensor) -> Tensor:
        at = state[:, :-1]
        learned, products = trace_along(lambda each: residual(each, times), at, directions)
        trace = products.sum(0) if exact else products.mean(0)
        return torch.cat([learned + gaussian(at, times), trace[:, None]], dim=-1)

    # The last column integrates the divergence: from 1 to 0, hence with the sign that it has in the density.
    state = solve(moving, torch.cat([points, torch.zeros(count, 1)], dim=-1), 1.0, 0.0, DENSITY_STEPS)
    return state[:, :-1], state[:, -1]


def solve(field: Field, points: Tensor, start: float, end: float, steps: int) -> Tensor:
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


class VelocityNetwork(nn.Module):
    """`points: [n, size]` at `times: [n]` in 0 to 1 -> velocities `[n, size]`.

    The network starts at 0 and is added to the velocity of N(0, I), so it only has to learn what is not Gaussian.
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
        inner = self.hidden(functional.silu(hidden)) + self.time(time)
        return hidden + self.back(functional.silu(inner))


def time_features(times: Tensor) -> Tensor:
    """Cosines and sines of `times: [n]`, `[n, 2 * TIME_FREQUENCIES]`, from half a period over 0 to 1 upwards."""
    angles = math.pi * times[:, None] * torch.arange(1, TIME_FREQUENCIES + 1, device=times.device)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def gaussian_rate(times: Tensor, correlation: Tensor | float = 0.0) -> Tensor:
    """r(t) of the velocity r(t) x that carries N(0, 1) to N(0, 1) along x_t = (1 - t) x_0 + t x_1.

    E[x_1 - x_0 | x_t = x] = (2t - 1) (1 - c) / (t^2 + (1 - t)^2 + 2 t (1 - t) c) x for jointly normal x_0 and x_1 with
    the correlation c.
    """
    both = times.square() + (1 - times).square() + 2 * times * (1 - times) * correlation
    return (2 * times - 1) * (1 - correlation) / both
