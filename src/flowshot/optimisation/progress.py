"""The progress of a training, its learning rate, and its result."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]
Row = dict[str, float]

# Every column that `history.csv` may have, before the single terms of the loss; all but the first four and the last
# three are of validations.
HISTORY_COLUMNS = (
    "step", "train_loss", "train_reconstruction", "train_kl",
    "valid_loss", "valid_reconstruction", "valid_kl", "train_reconstruction_clean", "reconstruction_gap",
    "mutual_information", "mutual_information_low", "marginal_kl", "active_units", "active_units_by_share",
    "collapse_fraction", "kl_dimension_lowest", "kl_dimension_median", "kl_dimension_highest", "shuffle_gap",
    "prior_gap",
    "beta", "learning_rate", "gradient_norm",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """The result of training.

    `times`: (step, seconds) of every row of the history. `precision`: float32 or bfloat16; empty if no step was taken.
    """

    best: Weights
    best_step: int
    history: list[Row]
    times: list[tuple[int, float]]
    precision: str

    @property
    def seconds(self) -> float:
        """How long the training took."""
        return self.times[-1][1] if self.times else 0.0


@dataclass
class Progress:
    """Steps done, the history so far, and the best weights so far.

    `best_loss` is the validation loss of `best`, `seconds` the time that the steps took, interruptions not counted.
    """

    best: Weights
    best_step: int = 0
    best_loss: float = math.inf
    step: int = 0
    seconds: float = 0.0
    history: list[Row] = field(default_factory=list)
    times: list[tuple[int, float]] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Every field."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take every field from `state`."""
        vars(self).update(state)

    def add(self, row: Row, seconds: float) -> None:
        """Add a row to the history, `seconds` after the start."""
        self.history.append(row)
        self.times.append((int(row["step"]), seconds))

    def keep_if_better(self, model: torch.nn.Module, loss: float, always: bool = False) -> bool:
        """Take the weights of `model` as the best if `loss` is the lowest so far, or with `always` any number.

        Returns whether they were taken. `always` is for losses of different steps that do not compare.
        """
        better = loss < (math.inf if always else self.best_loss)
        if better:
            self.best, self.best_step, self.best_loss = copy_weights(model), self.step, loss
        return better


def copy_weights(model: torch.nn.Module) -> Weights:
    """The weights as they are now, on the CPU, independent of further training."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth (Loshchilov & Hutter 2017, 1608.03983). Steps count from 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def decaying_rate(optimizer: torch.optim.Optimizer, warmup_steps: int, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """The schedule of `learning_rate_factor` for `optimizer`."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, warmup_steps, steps))
