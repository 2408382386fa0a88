"""Save and load a trained autoencoder: weights without code, and enough configuration to rebuild it."""

import json
import shutil
import textwrap
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.models.autoencoders.rave.config import RaveConfig
from flowshot.models.autoencoders.rave.exported_file import exported_path
from flowshot.models.autoencoders.rave.exported_rave import ExportedRave
from flowshot.models.autoencoders.rave.network import RaveAutoencoder
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE

MESSAGE_LENGTH = 200
# Beside `config.json`, of a RAVE that was not trained here: what it computes, which weights alone do not say.
EXPORTED = "exported.ts"


@dataclass(frozen=True)
class ModelCard:
    """`config.json`: what the weights belong to, and of an exported RAVE the SHA-256 of its file."""

    autoencoder: VAEConfig
    dataset: str
    sample_rate: int
    clip_samples: int
    exported_sha256: str | None = None


def make_autoencoder(card: ModelCard) -> VAE:
    """The autoencoder that `card` describes, untrained unless it was exported.

    Raises:
        FlowshotError: its package is not installed, or what was exported cannot be used.
    """
    if card.autoencoder.rave is not None and card.autoencoder.rave.exported is not None:
        return ExportedRave(card.autoencoder, card.clip_samples, card.sample_rate)
    if card.autoencoder.rave is not None:
        return RaveAutoencoder(card.autoencoder, card.clip_samples, card.sample_rate)
    return VAE(card.autoencoder, card.clip_samples)


def save_model(folder: Path, card: ModelCard, weights: dict[str, Tensor], last: dict[str, Tensor]) -> None:
    """Write `config.json`, `weights.safetensors` (the best on validation) and `last.safetensors`.

    The file of an exported RAVE is copied beside them, so that the folder does without it.
    """
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

    if card.autoencoder.rave is not None and card.autoencoder.rave.exported is not None:
        shutil.copyfile(exported_path(card.autoencoder.rave), folder / EXPORTED)
        card = replace(card, exported_sha256=sha256_of_file(folder / EXPORTED))
    (folder / "config.json").write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "weights.safetensors")
    save_file({name: value.contiguous() for name, value in last.items()}, folder / "last.safetensors")


def load_model(folder: Path) -> tuple[VAE, ModelCard]:
    """The autoencoder in `folder`, in evaluation mode on the CPU, with its card.

    Raises:
        FlowshotError: the folder holds no model, or its weights are damaged or of another configuration.
    """
    # Imported here: see save_model.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        card = _read_card(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        model = make_autoencoder(_with_own_file(card, folder))
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        # Weights of another configuration are listed by torch one by one.
        what = textwrap.shorten(str(error), MESSAGE_LENGTH, placeholder=" ...")
        raise FlowshotError(f"{folder}: no usable model ({what}); train it again with `dvc repro`") from None
    return model.eval(), card


def _with_own_file(card: ModelCard, folder: Path) -> ModelCard:
    """The card whose exported RAVE, if it is one, is the copy in `folder`, which must be what was copied there."""
    rave = card.autoencoder.rave
    if rave is None or rave.exported is None:
        return card
    if sha256_of_file(folder / EXPORTED) != card.exported_sha256:
        raise ValueError(f"{EXPORTED} is not the file that config.json names")
    return replace(card, autoencoder=replace(card.autoencoder, rave=replace(rave, exported=str(folder / EXPORTED))))


def _read_card(raw: dict[str, Any]) -> ModelCard:
    values = _with_tuples(raw["autoencoder"])
    if values.get("rave") is not None:
        values["rave"] = RaveConfig(**_with_tuples(values["rave"]))
    return ModelCard(
        VAEConfig(**values),
        str(raw["dataset"]),
        int(raw["sample_rate"]),
        int(raw["clip_samples"]),
        raw.get("exported_sha256"),
    )


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists alone, a configuration tuples alone."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
