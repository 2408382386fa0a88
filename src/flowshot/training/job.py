"""One training: what it learns from, how long, and who is told."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import BudgetConfig
from flowshot.models.base.kind import ModelEntry
from flowshot.optimisation.checkpoint import Checkpoint
from flowshot.optimisation.progress import Row, Trained, Weights
from flowshot.training.config import TrainConfig

Train = Callable[[Any, "TrainingJob"], Trained]


@dataclass(frozen=True)
class TrainingJob:
    """What the `train` function of a kind of model is given beside the model.

    Args:
        dataset: its training clips are learned from, its validation clips decide which weights are kept.
        training: the section `train`, with the entry's own differences.
        budget: how long.
        generator: on the CPU; every random draw of the training follows from it.
        on_row: is called with each row of the history; a training that resumes first repeats the rows before.
        on_best: is called with the weights and their step whenever they are the best so far.
        checkpoint: keeps the state of the training, so that an interrupted one resumes bit for bit.
        say: prints a warning.
    """

    dataset: PreparedDataset
    training: TrainConfig
    budget: BudgetConfig
    generator: torch.Generator
    on_row: Callable[[Row], None] = lambda row: None
    on_best: Callable[[Weights, int], None] = lambda weights, step: None
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(None))
    say: Callable[[str], None] = lambda line: None


def training_config(params: Params, section: str, entry: ModelEntry) -> TrainConfig:
    """The section `train` with what differs in an entry of `section`. Raises FlowshotError where a value is wrong."""
    values = merge(params.values.get("train") or {}, entry.training)
    return check_section(TrainConfig, values, f"{params.path}: {section}.{entry.name}.train")


def train_function(entry: ModelEntry) -> Train:
    """How models of this kind are trained: `train` of its module `training`."""
    train: Train = importlib.import_module(f"{entry.package}.training").train
    return train
