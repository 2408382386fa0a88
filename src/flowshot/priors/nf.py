"""A normalizing flow fitted to frozen latents by maximum likelihood."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.densities.flows import Flow, Kind
from flowshot.densities.whitening import Whitening
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior
from flowshot.priors.fitting import FitConfig, fit_network


@dataclass(frozen=True)
class FlowPriorConfig(FitConfig):
    """A normalizing flow: its kind and size, and the length of its fit."""

    kind: Kind
    layers: int
    width: int


class FlowPrior(LatentPrior):
    """A flow on whitened latents.

    Rezende & Mohamed 2015 (1505.05770) for the density; fitting a strong density to a trained autoencoder's latents
    follows Dai & Wipf 2019 (1903.05789, two-stage VAE) and Ghosh et al. 2020 (1903.12436).
    """

    def __init__(self, config: FlowPriorConfig, size: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.whitening = Whitening(size)
        self.flow = Flow(config.kind, size, config.layers, config.width)

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        self.whitening.fit(latents)
        fit_network(
            self.flow,
            len(latents),
            lambda rows: -self._log_prob(latents[rows]).mean(),
            lambda: -float(self.log_prob(validation).mean()),
            self.config,
            generator,
            checkpoint,
        )

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        base = torch.randn(count, self.size, generator=generator)
        return self.whitening.inverse(self.flow.to_latent(base)[0])

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        return self._log_prob(latents)

    def _log_prob(self, latents: Tensor) -> Tensor:
        base, log_det = self.flow.to_base(self.whitening(latents))
        return standard_normal_log_prob(base) + log_det + self.whitening.log_det
