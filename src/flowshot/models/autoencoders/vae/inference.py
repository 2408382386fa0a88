"""More updates for the encoder than for the decoder, while that makes the latent say more."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from flowshot.models.autoencoders.vae.objective import Objective
from flowshot.training.config import TrainConfig
from flowshot.training.optimizer import clipped_gradients


class AggressiveInference:
    """`aggressive_steps` updates of encoder, heads and posterior flow before each step of the whole autoencoder.

    He et al. 2019, "Lagging inference networks and posterior collapse" (1901.05534): at the start the posterior lags
    behind what decoder and prior make of the latent, and the decoder learns to do without it. As in the paper it ends
    for good when the mutual information, looked at whenever there is a validation, is no higher than before; unlike
    there, the number of updates in between is fixed and not until the loss settles, so that the cost is bounded:
    the steps it adds, at most. Steps of the budget are those of the decoder.

    Example:
        >>> inference = AggressiveInference(objective, optimizer, TrainConfig(aggressive_steps=5))
        >>> inference.update(batches, step=0)  # before each step of the whole autoencoder
        >>> inference.observe(mutual_information=2.3)  # at each validation
    """

    def __init__(self, objective: Objective, optimizer: torch.optim.Optimizer, config: TrainConfig) -> None:
        self.objective, self.optimizer = objective, optimizer
        self.steps, self.gradient_clip = config.aggressive_steps, config.gradient_clip
        self.highest = float("-inf")

    def update(self, batches: Iterator[Tensor], step: int) -> None:
        """Update the encoder's side by batches `[batch, samples]` of its own, and leave decoder and prior alone."""
        model = self.objective.model
        for clips in islice(batches, self.steps):
            clipped_gradients(model, self.objective(clips, step)[1], self.gradient_clip)
            for part in (model.decoder, model.prior):
                # Without a gradient the optimizer leaves a weight alone, its decay and its moments too.
                part.zero_grad(set_to_none=True)
            self.optimizer.step()

    def state_dict(self) -> dict[str, float]:
        """Whether it goes on, and the highest mutual information so far."""
        return {"steps": self.steps, "highest": self.highest}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from `state`."""
        self.steps, self.highest = int(state["steps"]), state["highest"]

    def observe(self, mutual_information: float) -> None:
        """End it where the latent says no more than at the validation before."""
        if mutual_information <= self.highest:
            self.steps = 0
        self.highest = max(self.highest, mutual_information)
