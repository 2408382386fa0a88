"""The optimizer of an autoencoder and the course of its learning rate."""

import torch
from torch import Tensor, nn

from flowshot.training.config import TrainConfig
from flowshot.training.schedules import learning_rate_factor


def scheduled_adam(
    model: nn.Module, config: TrainConfig, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW (Loshchilov & Hutter 2017, 1711.05101) for `steps` steps of `model`, and its learning rate's schedule.

    Weights decay; biases and scales, the parameters of one dimension, do not. They say where an output lies, not how
    strongly it follows its input: drawn to zero they give no simpler function, only another one.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, config.warmup_steps, steps)
    )
    return optimizer, schedule


def clipped_gradients(model: nn.Module, loss: Tensor, largest: float) -> Tensor:
    """Set the gradients of `model` to those of the scalar `loss`, their common norm at most `largest`.

    Returns the norm before: no finite number where one gradient is none.
    """
    model.zero_grad(set_to_none=True)
    loss.backward()
    return torch.nn.utils.clip_grad_norm_(model.parameters(), largest)
