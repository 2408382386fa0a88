"""A moving average of the weights, which varies less from step to step than the weights and often does better."""

from typing import Any, Generic, TypeVar

from torch import Tensor, _foreach_lerp_, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]
Model = TypeVar("Model", bound=nn.Module)


class WeightAverage(Generic[Model]):
    """Exponential moving average of the weights of `model`; with a decay of 0, `model` itself.

    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging"; for generative models:
    Yazici et al. 2019 (1806.04498). Buffers are not averaged but copied.

    Example:
        >>> average = WeightAverage(layer := nn.Linear(2, 2), decay=0.999)
        >>> average.update()  # after each step of the optimizer
        >>> average.model is layer  # the model to validate and to keep
        False
    """

    def __init__(self, model: Model, decay: float) -> None:
        self._source = model
        self._averaged: AveragedModel | None = None
        if decay:

            def towards(averaged: Tensors, current: Tensors, updates: Tensor | int) -> None:
                _foreach_lerp_(averaged, current, 1 - decay_at(int(updates), decay))

            self._averaged = AveragedModel(model, multi_avg_fn=towards)

    @property
    def model(self) -> Model:
        """The model with the averaged weights."""
        return self._source if self._averaged is None else self._averaged.module  # type: ignore[return-value] # a copy of it

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights; nothing where the model is its own average."""
        return {} if self._averaged is None else self._averaged.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the averaged weights `state`."""
        if self._averaged is not None:
            self._averaged.load_state_dict(state)

    def update(self) -> None:
        """Take in the weights of the model as they are now; the first time they are the average."""
        if self._averaged is not None:
            self._averaged.update_parameters(self._source)


def decay_at(updates: int, decay: float) -> float:
    """The decay after so many updates: first short, so that the initial weights are soon forgotten."""
    return min(decay, (1 + updates) / (10 + updates))
