"""Fine-tuning: a training starts with the weights of a trained model."""

import json
from pathlib import Path

import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.base.kind import ModelCard

WEIGHTS = "weights.safetensors"


def start_folder(name: str) -> Path:
    """The folder of the model that `train.start_from` names. Raises FlowshotError if there is none."""
    for folder in (Path("models", name), Path(name).expanduser()):
        if (folder / "config.json").is_file() and (folder / WEIGHTS).is_file():
            return folder
    raise FlowshotError(
        f"train.start_from: {name}: no trained model; name DATASET/MODEL/SEED, or a folder with config.json "
        f"and {WEIGHTS}"
    )


def load_start(folder: Path, model: torch.nn.Module, card: ModelCard) -> None:
    """Give `model`, whose card is `card`, the weights of the model in `folder`.

    Raises FlowshotError if that is damaged, or of another kind, sample rate, clip length or shape.
    """
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        theirs = {key: found[key] for key in ("kind", "sample_rate", "clip_samples")}
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise FlowshotError(f"train.start_from: {folder}: no usable model ({error}); name another") from None
    ours = {key: getattr(card, key) for key in theirs}
    shapes = [{name: list(value.shape) for name, value in each.items()} for each in (weights, model.state_dict())]
    for before, now in ((theirs, ours), tuple(shapes)):
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise FlowshotError(
                    f"train.start_from: {folder}: its {name} is {before.get(name, 'missing')}, but that of this model "
                    f"is {now.get(name, 'missing')}; give both the same parameters"
                )
    model.load_state_dict(weights)
