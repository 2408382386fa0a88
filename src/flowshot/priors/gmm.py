"""A mixture of Gaussians fitted to frozen latents."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.core.sections import Section, require
from flowshot.densities.mixture import GaussianMixture
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior


@dataclass(frozen=True)
class GaussianMixturePriorConfig(Section):
    """A mixture of up to `components` Gaussians; see `GaussianMixture.fit`."""

    components: int
    iterations: int
    tolerance: float

    def __post_init__(self) -> None:
        require(min(self.components, self.iterations, self.tolerance) > 0, "every value must be above 0")


class GaussianMixturePrior(LatentPrior):
    """The baseline that is hard to beat on the latents of an autoencoder (Ghosh et al. 2020, 1903.12436)."""

    def __init__(self, config: GaussianMixturePriorConfig, size: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.mixture = GaussianMixture(size)

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        config = self.config
        self.mixture.fit(latents, validation, config.components, config.iterations, config.tolerance, generator)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.mixture.sample(count, generator)

    def log_prob(self, latents: Tensor) -> Tensor:
        return self.mixture.log_prob(latents)
