"""Save and load a trained autoencoder: weights without code, and enough configuration to rebuild it."""

import json
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from flowshot.config.autoencoder import AutoencoderConfig
from flowshot.config.rave import RaveConfig
from flowshot.errors import FlowshotError
from flowshot.models.rave import RaveAutoencoder
from flowshot.models.vae import VAE

MESSAGE_LENGTH = 200


@dataclass(frozen=True)
class ModelCard:
    """`config.json`: what the weights belong to."""

    autoencoder: AutoencoderConfig
    dataset: str
    sample_rate: int
    clip_samples: int


def make_autoencoder(card: ModelCard) -> VAE:
    """The untrained autoencoder that `card` describes; raises FlowshotError where its package is not installed."""
    if card.autoencoder.rave is not None:
        return RaveAutoencoder(card.autoencoder, card.clip_samples, card.sample_rate)
    return VAE(card.autoencoder, card.clip_samples)


def save_model(folder: Path, card: ModelCard, weights: dict[str, Tensor], last: dict[str, Tensor]) -> None:
    """Write `config.json`, `weights.safetensors` (the best on validation) and `last.safetensors`."""
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

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
        model = make_autoencoder(card)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        # Weights of another configuration are listed by torch one by one.
        what = textwrap.shorten(str(error), MESSAGE_LENGTH, placeholder=" ...")
        raise FlowshotError(f"{folder}: no usable model ({what}); train it again with `dvc repro`") from None
    return model.eval(), card


def _read_card(raw: dict[str, Any]) -> ModelCard:
    values = _with_tuples(raw["autoencoder"])
    if values.get("rave") is not None:
        values["rave"] = RaveConfig(**_with_tuples(values["rave"]))
    return ModelCard(
        AutoencoderConfig(**values), str(raw["dataset"]), int(raw["sample_rate"]), int(raw["clip_samples"])
    )


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists alone, a configuration tuples alone."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
