"""`flowshot diagnose`: what the latent of a trained autoencoder carries."""

import argparse
import csv
import math
import sys
from dataclasses import asdict
from pathlib import Path

from flowshot.cli.base import Outcome, table
from flowshot.cli.terminal import working
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json
from flowshot.core.params import Params, project_params
from flowshot.core.process import prepare_threads, workers
from flowshot.core.randomness import torch_generator
from flowshot.core.sections import to_dict
from flowshot.diagnostics.latent import diagnose
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.training.config import LossConfig
from flowshot.training.likelihood import likelihood_of
from flowshot.training.losses import ReconstructionLoss


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the model and the clips its card names, and diagnose."""
    folder = Path(arguments.model).expanduser()
    prepare_threads(workers())
    model, card = load_autoencoder(folder)
    root = project_of(folder)
    dataset = read_prepared(root / PREPARED / card.dataset)
    if (dataset.sample_rate, dataset.clip_samples) != (card.sample_rate, card.clip_samples):
        raise FlowshotError(
            f"{folder}: was trained on clips of {card.clip_samples} samples at {card.sample_rate} Hz, but "
            f"{dataset.folder} has {dataset.clip_samples} at {dataset.sample_rate} Hz; train it again with `dvc repro`"
        )
    clips = dataset.clips("valid")
    if len(clips) < 2:
        raise FlowshotError(f"{dataset.folder}: a diagnosis compares at least 2 validation clips; add audio")
    loss = training_loss(root, card.dataset, folder)
    distance = ReconstructionLoss(loss, dataset.sample_rate)
    # As the `train` stage names these draws: with the model's own seed the numbers are those it wrote.
    generator = torch_generator(arguments.seed, "diagnose", card.dataset, folder.resolve().parent.name)
    seen = dataset.clips("train")
    with working(f"diagnosing {folder}"):
        diagnosis = diagnose(
            model, clips, lambda a, b: distance(a, b)[0], generator, seen, likelihood_of(loss), losses_of(folder)
        )
    found = asdict(diagnosis)
    numbers = [value for value in (*found.values(), *found["kl_per_dimension"]) if isinstance(value, float)]
    if not all(map(math.isfinite, numbers)):
        raise FlowshotError(f"{folder}: its output is not finite, so its weights cannot be used; train it again")
    about = {"model": arguments.model, "dataset": card.dataset, "seed": arguments.seed, "loss": to_dict(loss)}
    per_dimension = sorted(found["kl_per_dimension"], reverse=True)
    shown = {name: value for name, value in found.items() if value is not None}
    rows = [(name, value) for name, value in shown.items() if name not in ("verdict", "reason", "kl_per_dimension")]
    rows += [("largest kl of a dimension", per_dimension[0]), ("smallest kl of a dimension", per_dimension[-1])]
    return Outcome(about | found, f"{found['verdict']}: {found['reason']}\n\n{table(('', 'value'), rows)}")


def project_of(folder: Path) -> Path:
    """The project that holds a model `models/DATASET/MODEL/SEED`; the current folder where the model lies elsewhere."""
    models = next((above for above in folder.resolve().parents if above.name == "models"), Path.cwd() / "models")
    return Path() if models.parent == Path.cwd() else models.parent


def losses_of(folder: Path) -> list[float] | None:
    """The reconstruction loss of each row of the training's history, or None where there is no history."""
    try:
        with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
            cells = [row["train_reconstruction"] for row in csv.DictReader(file)]
    except (OSError, KeyError):
        return None
    return [float(cell) for cell in cells if cell]


def training_loss(root: Path, dataset: str, folder: Path) -> LossConfig:
    """The reconstruction loss that the model was trained with, as the record of its training says.

    Without a record, that of params.yaml, with a word on standard error. Raises FlowshotError where it is damaged.
    """
    path = Path(root, "runs/train", dataset, folder.resolve().parent.name, folder.resolve().name, "run.json")
    if path.is_file():
        return Params(path, read_json(path)).section("parameters.train.loss", LossConfig)
    print(f"{path}: not found; using the loss of params.yaml", file=sys.stderr)
    return project_params().section("train.loss", LossConfig)
