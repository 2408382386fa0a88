"""One training: its clips, budget, device, and callbacks."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import BudgetConfig
from flowshot.models.base.kind import ModelEntry
from flowshot.models.base.precision import is_fast_at_bfloat16
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.optimisation.progress import Row, Trained, Weights
from flowshot.training.config import TrainConfig

Train = Callable[[Any, "TrainingJob"], Trained]
MOST_VALIDATIONS = 20  # every 100 steps, they took a third of a training of 1,000 steps with bfloat16


@dataclass(frozen=True)
class TrainingJob:
    """What the `train` function of a kind of model is given beside the model.

    `on_row` is called with each row of the history; a training that resumes first repeats the rows before. `on_best` is
    called with the weights and their step whenever they are the best so far.
    """

    dataset: PreparedDataset  # its validation clips decide which weights are kept
    training: TrainConfig  # with the entry's own differences
    budget: BudgetConfig
    generator: torch.Generator  # on the CPU; every random draw of the training follows from it
    on_row: Callable[[Row], None] = lambda row: None
    on_best: Callable[[Weights, int], None] = lambda weights, step: None
    checkpoint: Checkpoint = NO_CHECKPOINT  # an interrupted training resumes from it bit for bit
    say: Callable[[str], None] = lambda line: None  # prints a warning

    @property
    def validate_every(self) -> int:
        """Steps from one validation to the next: those of the configuration, or more where they would be too many."""
        return max(self.training.validate_every, self.budget.steps // MOST_VALIDATIONS)


def training_config(params: Params, section: str, entry: ModelEntry) -> TrainConfig:
    """The section `train` with what differs in an entry of `section`. Raises FlowshotError if a value is wrong."""
    values = merge(params.values.get("train") or {}, entry.training)
    return check_section(TrainConfig, values, f"{params.path}: {section}.{entry.name}.train")


def train_function(entry: ModelEntry) -> Train:
    """How models of this kind are trained: `train` of its module `training`."""
    train: Train = importlib.import_module(f"{entry.package}.training").train
    return train


def choose_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def uses_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether the model runs under bfloat16 autocast; with precision `auto`, only where that is fast."""
    return is_fast_at_bfloat16(device) if config.precision == "auto" else config.precision == "bfloat16"
