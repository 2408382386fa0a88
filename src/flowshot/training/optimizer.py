"""The optimizer of an autoencoder, and the schedule of its learning rate."""

import torch
from torch import Tensor, nn

from flowshot.optimisation.progress import decaying_rate
from flowshot.training.config import TrainConfig


def scheduled_adam(
    model: nn.Module, config: TrainConfig, steps: int
) -> tuple[torch.optim.Adam, torch.optim.lr_scheduler.LambdaLR]:
    """Adam (Kingma & Ba 2014, 1412.6980) for `steps` steps of `model`, and its learning rate's schedule."""
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
    return optimizer, decaying_rate(optimizer, config.warmup_steps, steps)


def clipped_gradients(model: nn.Module, loss: Tensor, largest: float) -> Tensor:
    """Set the gradients of `model` to those of the scalar `loss`, their common norm at most `largest`.

    Returns the norm before, which is not finite where a gradient is not.
    """
    model.zero_grad(set_to_none=True)
    loss.backward()
    return torch.nn.utils.clip_grad_norm_(model.parameters(), largest)
