"""AFTER: timbre of one sound and structure of another, by a flow over a latent with frames."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from flowshot.clips.batches import evenly_spaced_rows
from flowshot.core.errors import FlowshotError
from flowshot.core.sections import require
from flowshot.densities.buffers import resize_buffers
from flowshot.densities.whitening import require_usable
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior
from flowshot.priors.fitting import FitConfig, fit_network
from flowshot.priors.frames import HEADS, FrameTransformer
from flowshot.priors.rectified_flow import HELD_OUT_POINTS, held_out_rows, solve

KEPT = 1024  # training latents whose timbre and structure the prior keeps, to draw from
NEEDS_FRAMES = (
    "the prior `after` needs a latent with several frames, such as rave's; this autoencoder encodes a clip as a single "
    "vector: use `platune`"
)
KERNEL = 3  # frames that a layer of the structure encoder sees: the present one and those before


@dataclass(frozen=True)
class AfterPriorConfig(FitConfig):
    """Sizes of both codes, the network, and how it is fitted.

    `timbre_share`: of the steps, the first ones, in which there is no structure. `adversary`: weight of hiding the
    timbre from the structure. `dropout`: of each code. `guidance_*`: above 1 follows a code more closely.
    """

    MAY_BE_ZERO: ClassVar[frozenset[str]] = FitConfig.MAY_BE_ZERO | {
        "timbre_share", "adversary", "dropout", "timbre_noise", "structure_noise",
    }  # fmt: skip

    timbre: int
    structure: int
    layers: int
    width: int
    timbre_share: float
    adversary: float
    dropout: float
    timbre_noise: float
    structure_noise: float
    guidance_timbre: float
    guidance_structure: float
    solver_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.timbre_share < 1, "timbre_share must be below 1")
        require(self.dropout < 1, "dropout must be below 1")
        require(self.width % HEADS == 0, f"width must be a multiple of {HEADS}")


class TimbreEncoder(nn.Module):
    """`[n, dimensions, frames]` -> `[n, timbre]` in -1 to 1: a mean over frames, whose order does not count."""

    def __init__(self, dimensions: int, timbre: int, width: int) -> None:
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(dimensions, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.leave = nn.Linear(width, timbre)

    def forward(self, latents: Tensor, mask: Tensor | None = None) -> Tensor:
        """With `mask: [n, frames]` of 0 and 1, only those frames count."""
        weights = torch.ones_like(latents[:, 0]) if mask is None else mask
        pooled = (self.frame(latents.transpose(1, 2)) * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
        return self.leave(pooled).tanh()


class StructureEncoder(nn.Module):
    """`[n, dimensions, frames]` -> `[n, structure, frames]`, causal: a frame depends on itself and those before."""

    def __init__(self, dimensions: int, structure: int, width: int) -> None:
        super().__init__()
        self.enter, self.leave = nn.Conv1d(dimensions, width, KERNEL), nn.Conv1d(width, structure, 1)

    def forward(self, latents: Tensor) -> Tensor:
        return self.leave(functional.silu(self.enter(functional.pad(latents, (KERNEL - 1, 0))))).tanh()


class AfterNetworks(nn.Module):
    """All that is trained; `taken` counts the steps, because the first ones are of another kind."""

    taken: Tensor

    def __init__(self, config: AfterPriorConfig, dimensions: int, frames: int) -> None:
        super().__init__()
        self.timbre = TimbreEncoder(dimensions, config.timbre, config.width)
        self.structure = StructureEncoder(dimensions, config.structure, config.width)
        self.velocity = FrameTransformer(
            dimensions + config.structure, dimensions, frames, config.width, config.layers, config.timbre
        )
        self.adversary = nn.Sequential(
            nn.Flatten(), nn.Linear(config.structure * frames, 2 * config.width), nn.SiLU(),
            nn.Linear(2 * config.width, 2 * config.width), nn.SiLU(), nn.Linear(2 * config.width, config.timbre),
        )  # fmt: skip
        self.register_buffer("taken", torch.tensor(0))


class AfterPrior(LatentPrior):
    """A flow from N(0, I) to the latent of a clip, given its timbre and structure (Demerle et al. 2024, 2408.00196).

    Draws recombine the timbre of one training clip with the structure of another. Reimplemented from the
    paper's formulas.

    First the flow is conditioned on timbre alone, so that the timbre code holds as much as it can. Then the timbre
    encoder is frozen and the structure encoder learns the rest, while an adversary that predicts timbre from structure
    keeps timbre out of it. Departures: a clip has one crop, so timbre is taken from a random half of its frames; the
    adversary takes a step whenever the others do, and its weight does not ramp up; no running average of the weights.
    """

    has_density = False
    mean: Tensor
    scale: Tensor
    timbres: Tensor
    structures: Tensor

    def __init__(self, config: AfterPriorConfig, dimensions: int, frames: int = 1) -> None:
        super().__init__()
        if frames < 2:
            raise FlowshotError(NEEDS_FRAMES)
        self.config, self.shape = config, (dimensions, frames)
        self.first_steps = config.timbre_share * config.steps
        self.networks = AfterNetworks(config, dimensions, frames)
        self.register_buffer("mean", torch.zeros(dimensions, 1))
        self.register_buffer("scale", torch.ones(dimensions, 1))
        self.register_buffer("timbres", torch.zeros(1, config.timbre))
        self.register_buffer("structures", torch.zeros(1, config.structure, frames))

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        require_usable(latents)
        framed = latents.unflatten(1, self.shape)
        self.mean, self.scale = framed.mean((0, 2))[:, None], framed.std((0, 2), correction=0)[:, None]
        seen, held_out = self._standardised(latents), self._standardised(validation)
        rows = held_out_rows(len(held_out), HELD_OUT_POINTS // self.shape[1])
        fixed = self._draws(len(rows), generator)

        @torch.no_grad()
        def held_out_loss() -> float:
            # What has no structure yet is never the best.
            return math.inf if self.first_stage else float(self.flow_loss(held_out[rows], *fixed))

        def loss(rows: Tensor) -> Tensor:
            found = self.loss(seen[rows], *self._draws(len(rows), generator))
            self.networks.taken += 1
            return found

        self.networks.taken.zero_()
        self.first_steps = self.config.timbre_share * self.config.steps_for(len(seen))
        fit_network(self.networks, len(seen), loss, held_out_loss, self.config, generator, checkpoint)
        with torch.no_grad():
            kept = seen[evenly_spaced_rows(len(seen), KEPT)]
            self.timbres, self.structures = self.networks.timbre(kept), self.networks.structure(kept)

    @property
    def first_stage(self) -> bool:
        """Whether only the timbre is learned so far."""
        return int(self.networks.taken) < self.first_steps

    def loss(self, latents: Tensor, *draws: Tensor) -> Tensor:
        """What is minimised on standardised `latents: [n, dimensions, frames]`.

        In the second stage the adversary minimises its own error, and the structure encoder maximises it.
        """
        flow = self.flow_loss(latents, *draws)
        if self.first_stage:
            return flow
        with torch.no_grad():
            timbre = self.networks.timbre(latents)
        structure, adversary = self._structure(latents, draws[-1]), self.networks.adversary
        frozen = {name: value.detach() for name, value in adversary.named_parameters()}
        hidden = cosine_distance(functional_call(adversary, frozen, (structure,)), timbre)
        return flow + cosine_distance(adversary(structure.detach()), timbre) - self.config.adversary * hidden

    def flow_loss(
        self, latents: Tensor, noise: Tensor, times: Tensor, mask: Tensor, kept_codes: Tensor, code_noise: Tensor
    ) -> Tensor:
        """Mean squared error of the velocity on the straight path from `noise` to `latents`, given both codes.

        `mask: [n, frames]` says which frames the timbre is taken from, `kept_codes: [n, 2]` which codes are not dropped
        out; `code_noise: [n, timbre + structure * frames]` is added to both.
        """
        config = self.config
        timbre = self.networks.timbre(latents, mask)
        if self.first_stage:
            structure = latents.new_zeros(len(latents), config.structure, self.shape[1])
        else:
            timbre, structure = timbre.detach(), self._structure(latents, code_noise)
        timbre = (timbre + config.timbre_noise * code_noise[:, : config.timbre]) * kept_codes[:, :1]
        points = torch.lerp(noise, latents, times[:, None, None])
        found = self._velocity(points, times, timbre, structure * kept_codes[:, 1:, None])
        return (found - (latents - noise)).square().mean()

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        rows = [torch.randint(len(self.timbres), (count,), generator=generator) for _ in range(2)]
        noise = torch.randn(count, *self.shape, generator=generator)
        return self._solved(self.timbres[rows[0]], self.structures[rows[1]], noise)

    @torch.no_grad()
    def transfer(self, timbre: Tensor, structure: Tensor, generator: torch.Generator) -> Tensor:
        """Latents with the timbre of the latents `timbre` and the structure of `structure`, all `[n, latent_size]`."""
        of_a = self.networks.timbre(self._standardised(timbre))
        of_b = self.networks.structure(self._standardised(structure))
        return self._solved(of_a, of_b, torch.randn(len(of_a), *self.shape, generator=generator))

    def log_prob(self, latents: Tensor) -> Tensor:
        raise FlowshotError("the prior after has no density: it only draws latents that have two given codes")

    def guided(self, points: Tensor, times: Tensor, timbre: Tensor, structure: Tensor) -> Tensor:
        """The velocity under guidance, `[n, dimensions, frames]`; with both 1, the one given both codes."""
        towards_timbre, towards_structure = self.config.guidance_timbre, self.config.guidance_structure
        none = self._velocity(points, times, torch.zeros_like(timbre), torch.zeros_like(structure))
        of_structure = self._velocity(points, times, torch.zeros_like(timbre), structure)
        of_both = self._velocity(points, times, timbre, structure)
        steered = of_structure + towards_timbre / towards_structure * (of_both - of_structure)
        return none + (towards_timbre + towards_structure) / 2 * (steered - none)

    def _structure(self, latents: Tensor, code_noise: Tensor) -> Tensor:
        """The structure with its noise, which the flow and the adversary are given."""
        noise = code_noise[:, self.config.timbre :].unflatten(1, (self.config.structure, self.shape[1]))
        return self.networks.structure(latents) + self.config.structure_noise * noise

    def _velocity(self, points: Tensor, times: Tensor, timbre: Tensor, structure: Tensor) -> Tensor:
        return self.networks.velocity(torch.cat([points, structure], dim=1), times, timbre)

    def _solved(self, timbre: Tensor, structure: Tensor, noise: Tensor) -> Tensor:
        def field(points: Tensor, times: Tensor) -> Tensor:
            return self.guided(points.unflatten(1, self.shape), times, timbre, structure).flatten(1)

        found = solve(field, noise.flatten(1), 0.0, 1.0, self.config.solver_steps)
        return (found.unflatten(1, self.shape) * self.scale + self.mean).flatten(1)

    def _standardised(self, latents: Tensor) -> Tensor:
        """`[n, latent_size]` -> `[n, dimensions, frames]`, each dimension with mean 0 and variance 1."""
        return (latents.unflatten(1, self.shape) - self.mean) / self.scale

    def _draws(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What `flow_loss` takes besides latents."""
        config, (dimensions, frames) = self.config, self.shape
        order = torch.rand(count, frames, generator=generator).argsort(1)
        mask = (order < (frames + 1) // 2).float()
        return (
            torch.randn(count, dimensions, frames, generator=generator),
            torch.rand(count, generator=generator),
            mask,
            (torch.rand(count, 2, generator=generator) >= config.dropout).float(),
            torch.randn(count, config.timbre + config.structure * frames, generator=generator),
        )

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: object) -> None:
        # How many training latents there were is only known from the state.
        resize_buffers(self, state_dict, prefix, ("timbres", "structures"))
        super()._load_from_state_dict(state_dict, prefix, *others)


def cosine_distance(guess: Tensor, timbre: Tensor) -> Tensor:
    """1 minus the mean cosine similarity of guess and timbre, both `[n, timbre]`: 0 is a perfect guess, 1 is chance."""
    return (1 - functional.cosine_similarity(guess, timbre, dim=-1)).mean()
