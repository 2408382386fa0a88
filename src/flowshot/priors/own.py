"""The prior that the autoencoder was trained with: N(0, I), or its jointly trained flow."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flowshot.core.sections import Section
from flowshot.densities.distributions import Prior
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior


@dataclass(frozen=True)
class OwnPriorConfig(Section):
    """There is nothing to configure."""


class OwnPrior(LatentPrior):
    """It was fitted with the autoencoder, and is stored with its weights: there is nothing to fit, save or load."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior.eval()

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None: ...

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.prior.sample(count, generator)

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        return self.prior.log_prob(latents)

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...
