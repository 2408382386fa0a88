"""What a prior is: a density over latent vectors that can be fitted, sampled, evaluated and kept."""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint


class LatentPrior(Protocol):
    """A density over `[latent_size]` vectors. One family a file; `flowshot.priors.registry` lists them."""

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Fit to `latents: [n, latent_size]`; `validation: [m, latent_size]` decides when to stop and what to keep.

        What takes long is kept in `checkpoint` while it goes on, and taken up again from there.
        """

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, latent_size]` in nats, `[n]`."""

    def save(self, folder: Path) -> None:
        """Write what `load` needs into `folder`, without code."""

    def load(self, folder: Path) -> None:
        """Become the prior that `save` wrote into `folder`."""
