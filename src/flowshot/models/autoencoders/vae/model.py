"""The kind `vae`: our own autoencoder, with or without flows."""

from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelKind

KIND = ModelKind(
    config=VAEConfig,
    build=lambda card, folder: VAE(card.config, card.clip_samples, card.sample_rate),
    shared="autoencoder",
)
