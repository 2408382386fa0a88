"""The variational autoencoder: one latent vector per clip, with or without flows in posterior and prior."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.densities.distributions import Posterior, Prior, draw_with_kl
from flowshot.densities.flows import Flow
from flowshot.models.autoencoders.vae.blocks import initialise
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.decoder import Decoder
from flowshot.models.autoencoders.vae.encoder import Encoder
from flowshot.models.autoencoders.vae.slots import Slots, measure
from flowshot.models.base.autoencoder import Autoencoder, Reconstruction

# Features of the encoder that a posterior flow sees beside the Gaussian's own draw.
CONTEXT_SIZE = 64
# exp of these bounds the posterior's standard deviation: far outside of what training reaches, but finite.
LOG_SCALE_RANGE = (-9.0, 3.0)
# Where the posterior's log standard deviation starts. At 0 the noise drowns the untrained means, the decoder
# learns to ignore the latent before there is anything in it, and the posterior collapses.
INITIAL_LOG_SCALE = -3.0
# Part of unit variance with which the posterior's means start. The encoder has many features that rise and fall
# together: with all of it, latents start hundreds of nats from the prior.
INITIAL_SPREAD = 0.25


class VAE(Autoencoder):
    """Encoder, Gaussian heads, optional posterior flow, prior with optional flow, and decoder.

    Kingma & Welling 2013 (1312.6114); posterior flows: Rezende & Mohamed 2015 (1505.05770), Kingma et al. 2016
    (1606.04934); a learned flow prior: Chen et al. 2017 (1611.02731).
    """

    def __init__(self, config: VAEConfig, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        self.config = config
        size = config.latent_size
        self.encoder = Encoder(config, clip_samples)
        self.heads = nn.Linear(self.encoder.size, 2 * size)
        initialise(self.heads)
        nn.init.constant_(self.heads.bias[size:], INITIAL_LOG_SCALE)
        self.heads.weight.data.mul_(INITIAL_SPREAD)
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
        return self.config.latent_size, 1

    def posterior(self, clips: Tensor) -> Posterior:
        return self._posterior(*self._measured(clips))

    def _measured(self, clips: Tensor) -> tuple[Tensor, Slots]:
        padded = functional.pad(clips, self.encoder.padding)
        return padded, measure(padded, self.config.bands)

    def _posterior(self, padded: Tensor, measured: Slots) -> Posterior:
        features = self.encoder(padded, measured)
        mean, log_scale = self.heads(features).float().chunk(2, dim=-1)
        context = None if self.context is None else self.context(features).float()
        return Posterior(mean, log_scale.clamp(*LOG_SCALE_RANGE), context)

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.decoder(latent, generator)

    def forward(self, clips: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """Encode, draw and decode `clips: [batch, samples]`.

        Tones stand where the clips have them, at their frequencies: a loss that compares spectra prefers noise where a
        frequency is uncertain, and would never find out what a tone is worth. `extra_loss` says by how much the decoder
        misses where they are.
        """
        padded, measured = self._measured(clips)
        posterior = self._posterior(padded, measured)
        latent, kl = draw_with_kl(posterior, self.posterior_flow, self.prior, generator)
        decoded, missed = self.decoder.follow(latent, measured, generator)
        return Reconstruction(decoded, latent, kl, posterior, missed)
