"""The kind `exported_rave`: it is not trained but checked, measured, and copied."""

from pathlib import Path

from flowshot.models.autoencoders.exported_rave.config import ExportedRaveConfig
from flowshot.models.autoencoders.exported_rave.file import check_exported, exported_path
from flowshot.models.autoencoders.exported_rave.network import ExportedRave
from flowshot.models.base.kind import ModelCard, ModelKind

# Beside `config.json`: what it computes, which weights alone do not say.
EXPORTED = "exported.ts"


def build(card: ModelCard, folder: Path | None) -> ExportedRave:
    """The model of a card: from the user's file, or from its copy in a trained model's folder."""
    path = exported_path(card.config) if folder is None else folder / EXPORTED
    return ExportedRave(card.config, path, card.clip_samples, card.sample_rate)


KIND = ModelKind(
    config=ExportedRaveConfig,
    build=build,
    check=lambda name, config, clip_samples, sample_rate: check_exported(config, exported_path(config), sample_rate),
    files=lambda config: {EXPORTED: exported_path(config)},
)
