"""The prior that the autoencoder was trained with: N(0, I), or its jointly trained flow."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flowshot.core.sections import Section
from flowshot.densities.distributions import Prior
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint


@dataclass(frozen=True)
class OwnPriorConfig(Section):
    """The prior that the autoencoder was trained with has nothing to set."""


class OwnPrior:
    """The autoencoder's prior behind the interface of fitted ones; there is nothing to fit or to save."""

    def __init__(self, prior: Prior) -> None:
        self.prior = prior.eval()

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Nothing: it was fitted while the autoencoder trained."""

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""
        return self.prior.sample(count, generator)

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, latent_size]` in nats, `[n]`."""
        return self.prior.log_prob(latents)

    def save(self, folder: Path) -> None:
        """Nothing: its weights are the autoencoder's."""

    def load(self, folder: Path) -> None:
        """Nothing: its weights are the autoencoder's."""
