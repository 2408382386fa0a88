"""The kind `rave`: the real RAVE, trained here."""

from pathlib import Path

from flowshot.models.autoencoders.rave.config import RaveConfig, check_rave
from flowshot.models.autoencoders.rave.network import RaveAutoencoder
from flowshot.models.base.kind import ModelCard, ModelKind


def build(card: ModelCard, folder: Path | None) -> RaveAutoencoder:
    """The untrained model of a card."""
    return RaveAutoencoder(card.config, card.clip_samples, card.sample_rate)


KIND = ModelKind(
    config=RaveConfig,
    build=build,
    check=lambda name, config, clip_samples, sample_rate: check_rave(config, name, clip_samples),
)
