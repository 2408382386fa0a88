"""The interface of every autoencoder: a posterior, a prior and a decoder."""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.densities.distributions import Posterior, Prior, draw_with_kl, posterior_transform, repeat_posterior
from flowshot.densities.flows import Flow
from flowshot.models.base.model import ClipModel


@dataclass(frozen=True)
class Reconstruction:
    """`clips: [batch, samples]`, `latent: [batch, latent_size]`, a draw of `posterior`, and `kl: [batch]` in nats.

    `extra_loss: [batch]` is what a model wants to be trained on besides reconstruction and divergence.
    """

    clips: Tensor
    latent: Tensor
    kl: Tensor
    posterior: Posterior
    extra_loss: Tensor


class Autoencoder(ClipModel):
    """A generator that also encodes.

    The latent of a clip is one vector; frames are flattened, dimension by dimension. `prior` is the p(z) that it is
    trained with and samples from, `posterior_flow` the flow of q(z|x), or None for a diagonal Gaussian.
    """

    prior: Prior
    posterior_flow: Flow | None

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int]:
        """Dimensions and frames of a latent; one vector is one frame."""

    @abstractmethod
    def posterior(self, clips: Tensor) -> Posterior:
        """q(z|x) of `clips: [batch, samples]`."""

    @abstractmethod
    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`latent: [batch, latent_size]` -> clips `[batch, samples]` in [-1, 1].

        `generator` draws the decoder's noise, where it has any; without one the noise is the same at every call.
        """

    @property
    def latent_size(self) -> int:
        """Length of the latent vector."""
        return math.prod(self.latent_shape)

    @property
    def is_gaussian(self) -> bool:
        """Whether posterior and prior are Gaussian, so that the divergence is exact, and a sum over dimensions."""
        return self.posterior_flow is None and self.prior.flow is None

    def encode(self, clips: Tensor, generator: torch.Generator | None = None, draws: int = 1) -> Tensor:
        """`draws` samples of q(z|x) for each of `clips: [batch, samples]`, `[batch, draws, latent_size]`."""
        posterior = repeat_posterior(self.posterior(clips), draws)
        latents = posterior_transform(posterior, self.posterior_flow, posterior.base_sample(generator))[0]
        return latents.unflatten(0, (len(clips), draws))

    def encode_mean(self, clips: Tensor) -> Tensor:
        """The latent of the posterior Gaussian's mean, `[batch, latent_size]`."""
        posterior = self.posterior(clips)
        return posterior_transform(posterior, self.posterior_flow, posterior.mean)[0]

    def forward(self, clips: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        posterior = self.posterior(clips)
        latent, kl = draw_with_kl(posterior, self.posterior_flow, self.prior, generator)
        return Reconstruction(self.decode(latent, generator), latent, kl, posterior, torch.zeros_like(kl))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.decode(self.prior.sample(count, generator), generator)
