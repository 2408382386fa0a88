"""The loop in which a prior that is a network is fitted: few steps, and the best weights on held-out latents kept."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint, GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, copy_weights
from flowshot.optimisation.schedules import learning_rate_factor

# How often the held-out loss is looked at; the best weights are kept.
VALIDATE_EVERY_STEPS = 25
WARMUP_STEPS = 10
GRADIENT_CLIP = 5.0


class FitConfig(Protocol):
    """What the loop has to know: every network's section of `fit_prior` has it."""

    @property
    def steps(self) -> int:
        """Updates of the weights."""

    @property
    def batch_size(self) -> int:
        """Latents in each."""

    @property
    def learning_rate(self) -> float:
        """Of Adam, after the warm-up; it decays as a cosine."""


def fit_network(
    network: nn.Module,
    count: int,
    loss: Callable[[Tensor], Tensor],
    held_out_loss: Callable[[], float],
    config: FitConfig,
    generator: torch.Generator,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Minimise `loss`, a scalar of rows `[batch]` out of `count`; leave `network` with the best held-out weights.

    The weights that the network starts from are a candidate too: a fit that only gets worse changes nothing. Nothing
    but the rows and `loss` may draw from `generator` while this goes on, or it could not be taken up again.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, WARMUP_STEPS, config.steps)
    )
    progress = Progress(copy_weights(network), best_loss=_finite(held_out_loss()))
    parts: dict[str, Stateful] = {
        "network": network, "optimizer": optimizer, "schedule": schedule, "rows": GeneratorState(generator),
        "progress": progress,
    }  # fmt: skip
    checkpoint.restore(parts)
    for step in range(progress.step, config.steps):
        value = loss(torch.randint(count, (config.batch_size,), generator=generator))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimizer.step()
        schedule.step()
        progress.step = step + 1
        if (step + 1) % VALIDATE_EVERY_STEPS == 0 or step + 1 == config.steps:
            progress.keep_if_better(network, _finite(held_out_loss()), always=False)
        checkpoint.after_step(parts, step + 1, config.steps)
    network.load_state_dict(progress.best)


def _finite(loss: float) -> float:
    """A loss that is no number is worse than any other."""
    return loss if math.isfinite(loss) else math.inf
