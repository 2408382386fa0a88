"""A rectified flow on frozen latents: an ordinary differential equation that carries noise to latents."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from flowshot.core.randomness import torch_generator
from flowshot.core.sections import Section, require
from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.densities.whitening import Whitening
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.fitting import fit_network
from flowshot.priors.ode import solve, trace_along
from flowshot.priors.storage import load_tensors, save_tensors
from flowshot.priors.velocity import VelocityNetwork, gaussian_rate

# Points of the path at which the held-out loss is taken; each is a held-out latent with its own noise and time.
HELD_OUT_POINTS = 4096
# Latents whose density is computed at once.
BATCH_SIZE = 1024


@dataclass(frozen=True)
class RectifiedFlowPriorConfig(Section):
    """A rectified flow: its velocity network, the times that it learns at, and how its equation is solved.

    `solver` and `solver_steps` are of samples; the density takes `density_steps` of Heun's method, with the exact
    trace up to `exact_trace_size` dimensions and an estimate from `probes` random directions above.
    """

    layers: int
    width: int
    steps: int
    batch_size: int
    learning_rate: float
    time_mean: float
    time_scale: float
    solver: Literal["euler", "heun"]
    solver_steps: int
    density_steps: int
    exact_trace_size: int
    probes: int

    def __post_init__(self) -> None:
        sizes = (self.layers, self.width, self.steps, self.batch_size, self.solver_steps, self.density_steps)
        require(
            min(*sizes, self.probes, self.learning_rate, self.time_scale) > 0,
            "every value but time_mean and exact_trace_size must be above 0",
        )
        require(self.exact_trace_size >= 0, "exact_trace_size must not be negative")


class RectifiedFlowPrior(nn.Module):
    """A velocity network on whitened latents.

    Liu et al. 2022 (2209.03003): the velocity of straight paths from noise to latents, learned by regression; times
    are drawn logit-normal (Esser et al. 2024, 2403.03206). Density by the instantaneous change of variables (Chen et
    al. 2018, 1806.07366): exact but for the steps of Heun's method, and above `config.exact_trace_size` dimensions for
    the noise of Hutchinson's estimate, whose mean is right.

    Args:
        config: size of the network, length of the fit, and how the equation is solved.
        size: dimensions of a latent.

    Example:
        >>> prior = RectifiedFlowPrior(RectifiedFlowPriorConfig(steps=2), size=4)
        >>> generator = torch.Generator().manual_seed(0)
        >>> prior.fit(torch.randn(64, 4), torch.randn(16, 4), generator)
        >>> prior.sample(3, generator).shape
        torch.Size([3, 4])
    """

    def __init__(self, config: RectifiedFlowPriorConfig, size: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.whitening = Whitening(size)
        self.velocity = VelocityNetwork(size, config.width, config.layers)

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Regress on the paths to `latents: [n, size]`; keep the weights that are best on those to `validation`."""
        self.whitening.fit(latents)
        whitened, held_out = self.whitening(latents), self.whitening(validation)
        held_out = held_out.repeat(-(-HELD_OUT_POINTS // len(held_out)), 1)[:HELD_OUT_POINTS]
        fixed = self._noise_and_times(len(held_out), generator)

        def held_out_loss() -> float:
            with torch.no_grad():
                return float(self._loss(held_out, *fixed))

        fit_network(
            self.velocity,
            len(whitened),
            lambda rows: self._loss(whitened[rows], *self._noise_and_times(len(rows), generator)),
            held_out_loss,
            self.config,
            generator,
            checkpoint,
        )

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, size]`, with `solver_steps` steps of `solver`."""
        noise = torch.randn(count, self.size, generator=generator)
        config = self.config
        return self.whitening.inverse(solve(self.velocity, noise, 0.0, 1.0, config.solver_steps, config.solver))

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, size]` in nats, `[n]`. Two calls give the same."""
        return torch.cat([self._log_prob(batch) for batch in latents.split(BATCH_SIZE)])

    def save(self, folder: Path) -> None:
        """Write the weights into `folder`."""
        save_tensors(folder, self.state_dict())

    def load(self, folder: Path) -> None:
        """Read the weights that `save` wrote."""
        load_tensors(folder, self.load_state_dict)

    def _noise_and_times(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        normal = torch.randn(count, generator=generator)
        times = torch.sigmoid(self.config.time_mean + self.config.time_scale * normal)
        return torch.randn(count, self.size, generator=generator), times

    def _loss(self, whitened: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Mean squared error of the velocity on the straight path from `noise` to `whitened`, both `[n, size]`."""
        points = torch.lerp(noise, whitened, times[:, None])
        return (self.velocity(points, times) - (whitened - noise)).square().mean()

    def _log_prob(self, latents: Tensor) -> Tensor:
        """log N(x_0) minus the divergence along the path from x_1, the whitened latent, back to x_0."""
        directions = self._directions(len(latents))

        def moving(state: Tensor, times: Tensor) -> Tensor:
            points = state[:, :-1]
            learned, products = trace_along(lambda at: self.velocity.residual(at, times), points, directions)
            trace = products.sum(0) if self._is_exact else products.mean(0)
            rate = gaussian_rate(times)
            return torch.cat([learned + rate[:, None] * points, (trace + self.size * rate)[:, None]], dim=-1)

        # The last column integrates the divergence: from 1 to 0, hence with the sign that it has in the density.
        state = torch.cat([self.whitening(latents), torch.zeros(len(latents), 1)], dim=-1)
        state = solve(moving, state, 1.0, 0.0, self.config.density_steps, "heun")
        return standard_normal_log_prob(state[:, :-1]) + state[:, -1] + self.whitening.log_det

    @property
    def _is_exact(self) -> bool:
        return self.size <= self.config.exact_trace_size

    def _directions(self, count: int) -> Tensor:
        """`[k, count, size]`: all unit vectors, or random signs that are the same along the whole path."""
        if self._is_exact:
            return torch.eye(self.size)[:, None].expand(-1, count, -1)
        signs = torch_generator(0, "rectified_flow", "trace")
        return torch.randint(2, (self.config.probes, count, self.size), generator=signs) * 2.0 - 1
