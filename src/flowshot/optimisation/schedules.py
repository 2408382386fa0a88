"""What changes with the step: the learning rate and the weight of the latent loss."""

import math


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth (Loshchilov & Hutter 2017, 1608.03983). Steps count from 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def beta_at(step: int, beta: float, warmup_steps: int) -> float:
    """The weight of the latent loss: linear from 0 to `beta` over `warmup_steps` (Bowman et al. 2016, 1511.06349)."""
    return beta * min(1.0, (step + 1) / warmup_steps) if warmup_steps else beta
