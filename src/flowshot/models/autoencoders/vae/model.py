"""The kind `vae`: our own autoencoder, with or without flows."""

from pathlib import Path

from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard, ModelKind


def build(card: ModelCard, folder: Path | None) -> VAE:
    """The untrained model of a card."""
    return VAE(card.config, card.clip_samples, card.sample_rate)


KIND = ModelKind(config=VAEConfig, build=build, shared="autoencoder")
