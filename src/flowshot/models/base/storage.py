"""Save and load a trained model: weights without code, and the configuration to build it again."""

import dataclasses
import json
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.models.base.generator import Generator
from flowshot.models.base.kind import ModelCard, ModelKind

Weights = dict[str, Tensor]

MESSAGE_LENGTH = 200  # torch lists every weight that does not fit


def save_model(folder: Path, kind: ModelKind, card: ModelCard, weights: Weights, last: Weights | None = None) -> None:
    """Write `config.json`, `weights.safetensors` (the best), `last.safetensors`, and the kind's own files."""
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

    sources = kind.files(card.config)
    for name, source in sources.items():
        shutil.copyfile(source, folder / name)
    card = dataclasses.replace(card, files={name: sha256_of_file(folder / name) for name in sources})
    text = json.dumps(dataclasses.asdict(card), indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    for name, tensors in (("weights", weights), ("last", last)):
        if tensors is not None:
            contiguous = {key: value.contiguous() for key, value in tensors.items()}
            save_file(contiguous, folder / f"{name}.safetensors")


def load_model(folder: Path, kind_named: Callable[[str], ModelKind]) -> tuple[Generator, ModelCard]:
    """The model in `folder`, in evaluation mode on the CPU, with its card; `kind_named` is that of a registry.

    Raises:
        FlowshotError: the folder holds no model, or its weights are damaged or of another configuration.
    """
    # Imported here: see save_model.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = kind_named(raw["kind"])
        card = _read_card(raw, kind)
        for name, digest in card.files.items():
            if sha256_of_file(folder / name) != digest:
                raise ValueError(f"{name} is not the file that config.json names")
        model = kind.build(card, folder)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        what = textwrap.shorten(str(error), MESSAGE_LENGTH, placeholder=" ...")
        raise FlowshotError(f"{folder}: no usable model ({what}); train it again with `dvc repro`") from None
    return model.eval(), card


def _read_card(raw: dict[str, Any], kind: ModelKind) -> ModelCard:
    # JSON has only lists, a configuration only tuples.
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw["config"].items()}
    rate, samples = int(raw["sample_rate"]), int(raw["clip_samples"])
    return ModelCard(raw["kind"], kind.config(**values), str(raw["dataset"]), rate, samples, raw["files"])
