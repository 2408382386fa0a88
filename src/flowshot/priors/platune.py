"""PLaTune: an invertible map between latents and attributes with a free style, so that sounds can be steered."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowshot.clips.attributes import ATTRIBUTES
from flowshot.core.errors import FlowshotError
from flowshot.core.sections import require
from flowshot.densities.distributions import LOG_TWO_PI
from flowshot.densities.whitening import Whitening
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import AttributePrior
from flowshot.priors.fitting import FitConfig, fit_network
from flowshot.priors.frames import HEADS, FrameTransformer
from flowshot.priors.rectified_flow import (
    BATCH_SIZE,
    VelocityNetwork,
    gaussian_rate,
    held_out_rows,
    noise_and_log_det,
    noise_and_times,
    solve,
    straight_path_loss,
    trace_generator,
)

LARGEST_CORRELATION = 0.999


@dataclass(frozen=True)
class PlatunePriorConfig(FitConfig):
    """The attributes by name, and how far the base spreads around them, in standard deviations over training clips;
    the velocity network, the length of its fit, and the steps of the solver.
    """

    attributes: tuple[str, ...]
    noise: float
    layers: int
    width: int
    solver_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.attributes if name not in ATTRIBUTES]
        require(not unknown, f"attributes: found {unknown}; use some of: {', '.join(ATTRIBUTES)}")
        require(
            0 < len(self.attributes) == len(set(self.attributes)), "attributes must name at least one, and none twice"
        )
        require(self.width % HEADS == 0, f"width must be a multiple of {HEADS}")


class AttributeBase(nn.Module):
    """The noise that the flow begins with: attributes of a training clip, spread by `noise`, and a free style.

    A point `[size]` has the attributes in as many directions, and N(0, I) in all others. The attributes are
    standardised, and turned and scaled so that over training clips each direction has unit variance and correlates with
    the same direction of the whitened latents alone, by `correlations` (Hotelling 1936). What is linear between
    attributes and latents is then known before any training.
    """

    mean: Tensor
    scale: Tensor
    mix: Tensor
    directions: Tensor
    correlations: Tensor

    def __init__(self, attributes: int, size: int, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.register_buffer("mean", torch.zeros(attributes))
        self.register_buffer("scale", torch.ones(attributes))
        self.register_buffer("mix", torch.eye(attributes))
        self.register_buffer("directions", torch.eye(size)[:, :attributes])
        self.register_buffer("correlations", torch.zeros(attributes))

    def fit(self, attributes: Tensor, whitened: Tensor) -> None:
        """Set all from `attributes: [n, attributes]`, none constant, and `whitened: [n, size]` latents."""
        count, size = whitened.shape
        self.mean, self.scale = attributes.mean(0), attributes.std(0, correction=0)
        standardised = self._standardised(attributes).double()
        spread = standardised.T @ standardised / count + self.noise**2 * torch.eye(len(self.mean), dtype=torch.double)
        factor = torch.linalg.cholesky(spread)
        # Few latents correlate by chance: shrunk as their covariance is (`densities.whitening.moments`).
        shared = whitened.double().T @ standardised / (count + size)
        turn, correlations, other = torch.linalg.svd(
            torch.linalg.solve_triangular(factor, shared.T, upper=False).T, full_matrices=False
        )
        # Contiguous as after loading, so that products round alike.
        self.directions, self.mix = turn.float().contiguous(), (factor @ other.T).float().contiguous()
        self.correlations = correlations.clamp(max=LARGEST_CORRELATION).float()

    def points(self, attributes: Tensor, noise: Tensor) -> Tensor:
        """Points `[n, size]` of `attributes: [n, attributes]` and standard normal `noise: [n, size]`."""
        along = noise @ self.directions
        return self._with(noise, along, self._standardised(attributes) + self.noise * along)

    def attributes(self, points: Tensor) -> Tensor:
        """The attributes `[n, attributes]` that `points: [n, size]` have."""
        return self.mean + self.scale * (points @ self.directions @ self.mix.T)

    def moved(self, points: Tensor, moves: Tensor) -> Tensor:
        """`points` with their attributes moved by `moves: [attributes]`, and the same style."""
        along = points @ self.directions
        return self._with(points, along, along @ self.mix.T + moves / self.scale)

    def style(self, points: Tensor) -> Tensor:
        """`points` without the part that holds their attributes, `[n, size]`."""
        return points - points @ self.directions @ self.directions.T

    def log_prob(self, points: Tensor, known: Tensor) -> Tensor:
        """log of the mean over clips, of attributes `known`, of N(c; attributes, noise^2) N(s; 0, I), `[n]`."""
        along = points @ self.directions
        style = -0.5 * (points.square().sum(1) - along.square().sum(1))
        distances = torch.cdist(
            along @ self.mix.T, self._standardised(known), compute_mode="donot_use_mm_for_euclid_dist"
        )
        mixture = (-0.5 * (distances / self.noise).square()).logsumexp(1) - math.log(len(known))
        mixture = mixture - along.shape[1] * math.log(self.noise) + torch.linalg.slogdet(self.mix).logabsdet
        return style + mixture - 0.5 * points.shape[1] * LOG_TWO_PI

    def velocity(self, points: Tensor, times: Tensor) -> Tensor:
        """Of the flow where all is Gaussian, `[n, size]`."""
        plain = gaussian_rate(times)[:, None]
        steered = gaussian_rate(times[:, None], self.correlations)
        return plain * points + ((steered - plain) * (points @ self.directions)) @ self.directions.T

    def _standardised(self, attributes: Tensor) -> Tensor:
        return (attributes - self.mean) / self.scale

    def _with(self, points: Tensor, along: Tensor, attributes: Tensor) -> Tensor:
        """`points`, whose part `along` the directions is replaced by standardised `attributes`."""
        return points + (torch.linalg.solve(self.mix, attributes.T).T - along) @ self.directions.T


class PlatunePrior(AttributePrior):
    """A flow between an attribute-informed base and whitened latents (Nabi et al. 2025), reimplemented from the paper.

    x_t = (1 - t) [c, s] + t z, and a network learns the velocity z - [c, s] by regression; it is told nothing but the
    time. Backwards the flow reads a sound's attributes and style, forwards it makes sounds of them. Density: that of
    the base and the trace integral, as in `rectified_flow`.

    Departures: c and s are placed by canonical correlations (`AttributeBase`), the noise of c does not anneal, and an
    attribute is one number a clip, also where the latent has frames.
    """

    def __init__(self, config: PlatunePriorConfig, dimensions: int, frames: int = 1) -> None:
        super().__init__(config.attributes)
        self.config, self.shape, self.size = config, (dimensions, frames), dimensions * frames
        if len(config.attributes) > self.size:
            found = f"{len(config.attributes)} attributes for a latent of size {self.size}"
            raise FlowshotError(f"fit_prior.platune.attributes: found {found}; name at most {self.size}")
        self.whitening = Whitening(self.size)
        self.base = AttributeBase(len(config.attributes), self.size, config.noise)
        self.network: nn.Module = (
            VelocityNetwork(self.size, config.width, config.layers)
            if frames == 1
            else FrameTransformer(dimensions, dimensions, frames, config.width, config.layers)
        )

    def fit(
        self,
        latents: Tensor,
        validation: Tensor,
        generator: torch.Generator,
        checkpoint: Checkpoint = NO_CHECKPOINT,
        attributes: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.whitening.fit(latents)
        whitened, held_out = self.whitening(latents), self.whitening(validation)
        self.known, of_validation = self._chosen(attributes)
        seen = self.known.repeat_interleave(len(latents) // len(self.known), 0)
        judged = of_validation.repeat_interleave(len(validation) // len(of_validation), 0)
        self.base.fit(seen, whitened)
        rows = held_out_rows(len(held_out))
        fixed = noise_and_times(len(rows), self.size, generator)

        @torch.no_grad()
        def held_out_loss() -> float:
            return float(self._loss(held_out[rows], judged[rows], *fixed))

        def loss(rows: Tensor) -> Tensor:
            return self._loss(whitened[rows], seen[rows], *noise_and_times(len(rows), self.size, generator))

        fit_network(self.network, len(whitened), loss, held_out_loss, self.config, generator, checkpoint)

    @torch.no_grad()
    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        return self.latents_of(asked, torch.randn(len(asked), self.size, generator=generator))

    def latents_of(self, asked: Tensor, noise: Tensor) -> Tensor:
        """Latents of `asked: [n, attributes]` and standard normal `noise: [n, latent_size]`."""
        return self._forwards(self.base.points(asked, noise))

    @torch.no_grad()
    def read(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """The attributes `[n, attributes]` of latents, and their style `[n, latent_size]`."""
        points = self._backwards(latents)
        return self.base.attributes(points), self.base.style(points)

    @torch.no_grad()
    def edit(self, latents: Tensor, moves: Mapping[str, float]) -> tuple[Tensor, Tensor]:
        points = self._backwards(latents)
        amounts = torch.tensor([moves.get(name, 0.0) for name in self.attribute_names])
        return self._forwards(self.base.moved(points, amounts)), self.base.attributes(points)

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        """See `LatentPrior`. Two calls give the same."""
        generator = trace_generator()
        return torch.cat([self._log_prob(batch, generator) for batch in latents.split(BATCH_SIZE)])

    def _chosen(self, attributes: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """The columns that the configuration names; raises FlowshotError where they cannot steer anything."""
        if attributes is None:
            raise FlowshotError("the prior platune cannot be fitted without attributes of the clips; measure them")
        columns = [ATTRIBUTES.index(name) for name in self.attribute_names]
        seen, judged = (each[:, columns] for each in attributes)
        for name, values in zip(self.attribute_names, seen.T, strict=True):
            if not values.max() > values.min():
                raise FlowshotError(
                    f"the prior platune cannot be fitted: {name} is the same for all training clips; leave it out of "
                    "fit_prior.platune.attributes"
                )
        return seen, judged

    def _loss(self, whitened: Tensor, attributes: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """`straight_path_loss` from the base to `whitened: [n, size]`."""
        return straight_path_loss(self._velocity, self.base.points(attributes, noise), whitened, times)

    def _residual(self, points: Tensor, times: Tensor) -> Tensor:
        """What the network adds to the velocity of Gaussians, `[n, size]`."""
        if isinstance(self.network, VelocityNetwork):
            return self.network.residual(points, times)
        return self.network(points.unflatten(1, self.shape), times).flatten(1)

    def _velocity(self, points: Tensor, times: Tensor) -> Tensor:
        return self._residual(points, times) + self.base.velocity(points, times)

    def _forwards(self, points: Tensor) -> Tensor:
        return self.whitening.inverse(solve(self._velocity, points, 0.0, 1.0, self.config.solver_steps))

    def _backwards(self, latents: Tensor) -> Tensor:
        return solve(self._velocity, self.whitening(latents), 1.0, 0.0, self.config.solver_steps)

    def _log_prob(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        points, log_det = noise_and_log_det(self._residual, self.base.velocity, self.whitening(latents), generator)
        return self.base.log_prob(points, self.known) + log_det + self.whitening.log_det
