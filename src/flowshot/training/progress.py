"""How far a training is."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]
Row = dict[str, float]


@dataclass
class Progress:
    """Steps done, the history so far, and the best weights so far; what `Trained` is made of in the end.

    `best_loss` is the validation loss of `best`, `seconds` the time that the steps took, interruptions not counted.
    """

    best: Weights
    best_step: int = 0
    best_loss: float = math.inf
    step: int = 0
    seconds: float = 0.0
    history: list[Row] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Every field."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take every field from `state`."""
        vars(self).update(state)

    def keep_if_better(self, model: torch.nn.Module, loss: float, always: bool) -> bool:
        """Take the weights of `model` for the best where `loss` is the lowest so far, or with `always` any number.

        Returns whether it was taken. `always` is for losses of different steps that do not compare.
        """
        better = loss < (math.inf if always else self.best_loss)
        if better:
            self.best, self.best_step, self.best_loss = copy_weights(model), self.step, loss
        return better


def copy_weights(model: torch.nn.Module) -> Weights:
    """The weights as they are now, on the CPU, independent of further training."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}
