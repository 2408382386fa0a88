"""The variational autoencoder: one latent vector per clip, with or without flows in posterior and prior."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowshot.densities.distributions import Posterior, Prior, draw_with_kl, posterior_transform, repeat_posterior
from flowshot.densities.flows import Flow
from flowshot.models.autoencoders.vae.blocks import initialise
from flowshot.models.autoencoders.vae.config import AutoencoderConfig
from flowshot.models.autoencoders.vae.decoder import Decoder
from flowshot.models.autoencoders.vae.encoder import Encoder

# Features of the encoder that a posterior flow sees beside the Gaussian's own draw.
CONTEXT_SIZE = 64
# exp of these bounds the posterior's standard deviation: far outside of what training reaches, but finite.
LOG_SCALE_RANGE = (-9.0, 3.0)
# Where the posterior's log standard deviation starts. At 0 the noise drowns the untrained means, the decoder
# learns to ignore the latent before there is anything in it, and the posterior collapses.
INITIAL_LOG_SCALE = -3.0


@dataclass(frozen=True)
class Reconstruction:
    """What a forward pass gives: `clips: [batch, samples]`, `latent: [batch, latent_size]`, `kl: [batch]` in nats.

    `posterior` is q(z|x), of which `latent` is a draw. `again` is `clips` with another draw of the decoder's noise,
    where one was asked for.
    """

    clips: Tensor
    latent: Tensor
    kl: Tensor
    posterior: Posterior
    again: Tensor | None = None


class VAE(nn.Module):
    """Encoder, Gaussian heads, optional posterior flow, prior with optional flow, and decoder.

    Kingma & Welling 2013 (1312.6114); posterior flows: Rezende & Mohamed 2015 (1505.05770), Kingma et al. 2016
    (1606.04934); a learned flow prior: Chen et al. 2017 (1611.02731).

    Args:
        config: widths, depths, latent size and flows.
        clip_samples: length of every clip, which follows from the dataset.

    Example:
        >>> vae = VAE(AutoencoderConfig(), clip_samples=16000)
        >>> vae(torch.zeros(2, 16000)).clips.shape
        torch.Size([2, 16000])
    """

    def __init__(self, config: AutoencoderConfig, clip_samples: int) -> None:
        super().__init__()
        self.config = config
        self.clip_samples = clip_samples
        size = config.latent_size
        self.encoder = Encoder(config, clip_samples)
        self.heads = nn.Linear(self.encoder.size, 2 * size)
        initialise(self.heads)
        nn.init.constant_(self.heads.bias[size:], INITIAL_LOG_SCALE)
        self.context: nn.Linear | None = None
        self.posterior_flow: Flow | None = None
        if config.posterior_flow != "none":
            self.context = nn.Linear(self.encoder.size, CONTEXT_SIZE)
            self.posterior_flow = Flow(
                config.posterior_flow, size, config.flow_layers, config.flow_width, context_size=CONTEXT_SIZE
            )
        prior_flow = None
        if config.prior_flow != "none":
            prior_flow = Flow(config.prior_flow, size, config.flow_layers, config.flow_width)
        self.prior = Prior(size, prior_flow)
        self.decoder = Decoder(config, clip_samples)

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Dimensions and frames of a latent: one vector is one frame."""
        return self.config.latent_size, 1

    @property
    def is_gaussian(self) -> bool:
        """Whether posterior and prior are both Gaussian, so that the divergence is exact and a sum over dimensions."""
        return self.posterior_flow is None and self.prior.flow is None

    def posterior(self, clips: Tensor) -> Posterior:
        """q(z|x) of `clips: [batch, samples]`."""
        features = self.encoder(clips)
        mean, log_scale = self.heads(features).float().chunk(2, dim=-1)
        context = None if self.context is None else self.context(features).float()
        return Posterior(mean, log_scale.clamp(*LOG_SCALE_RANGE), context)

    def encode(self, clips: Tensor, generator: torch.Generator | None = None, draws: int = 1) -> Tensor:
        """`draws` samples of q(z|x) for each of `clips: [batch, samples]`, `[batch, draws, latent_size]`."""
        posterior = repeat_posterior(self.posterior(clips), draws)
        latents = posterior_transform(posterior, self.posterior_flow, posterior.base_sample(generator))[0]
        return latents.unflatten(0, (len(clips), draws))

    def encode_mean(self, clips: Tensor) -> Tensor:
        """The image of the posterior Gaussian's mean, `[batch, latent_size]`: one latent without noise."""
        posterior = self.posterior(clips)
        return posterior_transform(posterior, self.posterior_flow, posterior.mean)[0]

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`latent: [batch, latent_size]` -> clips `[batch, samples]` in [-1, 1].

        `generator` draws the decoder's noise, where it has any; without one the noise is the same at every call.
        """
        return self.decoder(latent, generator)

    def forward(self, clips: Tensor, generator: torch.Generator | None = None, twice: bool = False) -> Reconstruction:
        """Encode, draw and decode `clips: [batch, samples]`; `twice` with two draws of the decoder's noise."""
        posterior = self.posterior(clips)
        latent, kl = draw_with_kl(posterior, self.posterior_flow, self.prior, generator)
        if not twice:
            return Reconstruction(self.decode(latent, generator), latent, kl, posterior)
        features = self.decoder.features(latent)
        first, again = (self.decoder.render(features, generator) for _ in range(2))
        return Reconstruction(first, latent, kl, posterior, again)
