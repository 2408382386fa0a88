"""A normalizing flow fitted to frozen latents by maximum likelihood."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from flowshot.core.sections import Section, require
from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.densities.flows import Flow
from flowshot.densities.whitening import Whitening
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.fitting import fit_network
from flowshot.priors.storage import load_tensors, save_tensors


@dataclass(frozen=True)
class FlowPriorConfig(Section):
    """A normalizing flow fitted to frozen latents."""

    kind: Literal["nsf", "realnvp", "maf", "iaf"]
    layers: int
    width: int
    steps: int
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        positive = (self.layers, self.width, self.steps, self.batch_size, self.learning_rate)
        require(min(positive) > 0, "every value must be above 0")


class FlowPrior(nn.Module):
    """A flow on whitened latents.

    Rezende & Mohamed 2015 (1505.05770) for the density; fitting a strong density to a trained autoencoder's latents
    follows Dai & Wipf 2019 (1903.05789, two-stage VAE) and Ghosh et al. 2020 (1903.12436).

    Args:
        config: kind, layers, width, and the length of the fit.
        size: dimensions of a latent.

    Example:
        >>> prior = FlowPrior(FlowPriorConfig(steps=2), size=4)
        >>> generator = torch.Generator().manual_seed(0)
        >>> prior.fit(torch.randn(64, 4), torch.randn(16, 4), generator)
        >>> prior.sample(3, generator).shape
        torch.Size([3, 4])
    """

    def __init__(self, config: FlowPriorConfig, size: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.whitening = Whitening(size)
        self.flow = Flow(config.kind, size, config.layers, config.width)

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Maximise the likelihood of `latents: [n, size]`; keep the weights that are best on `validation`."""
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
        """`count` draws, `[count, size]`."""
        base = torch.randn(count, self.size, generator=generator)
        return self.whitening.inverse(self.flow.to_latent(base)[0])

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, size]` in nats, `[n]`."""
        return self._log_prob(latents)

    def save(self, folder: Path) -> None:
        """Write the weights into `folder`."""
        save_tensors(folder, self.state_dict())

    def load(self, folder: Path) -> None:
        """Read the weights that `save` wrote."""
        load_tensors(folder, self.load_state_dict)

    def _log_prob(self, latents: Tensor) -> Tensor:
        base, log_det = self.flow.to_base(self.whitening(latents))
        return standard_normal_log_prob(base) + log_det + self.whitening.log_det
