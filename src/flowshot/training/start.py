"""Fine-tuning: a training starts with the weights of a trained model."""

from pathlib import Path
from typing import Any

import torch

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import to_dict
from flowshot.models.base.kind import CONFIG, WEIGHTS, ModelCard, Weights, read_model, reading

OF_CARD = ("kind", "sample_rate", "clip_samples")
OF_CONFIG = ("posterior_flow", "prior_flow", "decoder_dilations")  # weights of equal shapes are another function


def start_folder(name: str) -> Path:
    """The folder of the model that `train.start_from` names. Raises FlowshotError if there is none."""
    for folder in (Path("models", name), Path(name).expanduser()):
        if (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file():
            return folder
    raise FlowshotError(
        f"train.start_from: {name}: no trained model; name DATASET/MODEL/SEED, or a folder with {CONFIG} and {WEIGHTS}"
    )


def load_start(folder: Path, model: torch.nn.Module, card: ModelCard) -> None:
    """Give `model`, whose card is `card`, the weights of the model in `folder`.

    Raises FlowshotError if that is damaged, or of another kind, sample rate, clip length, flow, dilation or shape, or
    if `model` is a rave.
    """
    if card.kind == "rave":
        raise FlowshotError(
            f"train.start_from: {folder}: a rave cannot start from a trained model, because a trained rave keeps no "
            "discriminators; give its entry `train: {start_from: null}`"
        )
    with reading(folder, "name another in train.start_from"):
        found, weights = read_model(folder)
    theirs, ours = _facts(found, found.config, weights), _facts(card, to_dict(card.config), model.state_dict())
    differing = [name for name in theirs | ours if theirs.get(name) != ours.get(name)]
    if differing:
        told = [name for name in differing if name in (*OF_CARD, *OF_CONFIG)] or differing[:1]
        said = "; ".join(
            f"its {name} is {theirs.get(name, 'missing')}, but that of this model is {ours.get(name, 'missing')}"
            for name in told
        )
        raise FlowshotError(f"train.start_from: {folder}: {said}; give both the same parameters")
    model.load_state_dict(weights)


def _facts(card: ModelCard, config: dict[str, Any], weights: Weights) -> dict[str, Any]:
    """What has to be the same, by name."""
    of_config = {name: config[name] for name in OF_CONFIG if name in config}
    shapes = {name: list(value.shape) for name, value in weights.items()}
    return {name: getattr(card, name) for name in OF_CARD} | of_config | shapes
