"""What changes with the step: the learning rate and the weight of the latent loss."""

import math

import torch


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth (Loshchilov & Hutter 2017, 1608.03983). Steps count from 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def decaying_rate(
    optimizer: torch.optim.Optimizer, warmup_steps: int, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:  # fmt: skip
    """The schedule of `learning_rate_factor` for `optimizer`."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, warmup_steps, steps))


def beta_at(step: int, beta: float, warmup_steps: int) -> float:
    """The weight of the latent loss: linear from 0 to `beta` over `warmup_steps` (Bowman et al. 2016, 1511.06349)."""
    return beta * min(1.0, (step + 1) / warmup_steps) if warmup_steps else beta
