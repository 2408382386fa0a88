"""The loop that fits a prior that is a network, and keeps the weights that are best on held-out latents."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint, GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, copy_weights, decaying_rate

VALIDATE_EVERY_STEPS = 25
WARMUP_STEPS = 10
GRADIENT_CLIP = 5.0


@dataclass(frozen=True)
class FitConfig(Section):
    """What the section of every network in `fit_prior` has. The learning rate is Adam's; it decays as a cosine.

    A fit takes `steps` steps, or more where these are fewer than `passes` over the training latents: what fits a
    thousand clips well does not fit ten thousand.
    """

    MAY_BE_ZERO: ClassVar[frozenset[str]] = frozenset({"passes"})

    steps: int
    passes: float
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0:
                require(name in self.MAY_BE_ZERO, f"{name} must be above 0, found {value}")
                require(value == 0, f"{name} must not be negative, found {value}")

    def steps_for(self, count: int) -> int:
        """Of a fit to `count` training latents."""
        return max(self.steps, math.ceil(self.passes * count / self.batch_size))


def fit_network(
    network: nn.Module,
    count: int,
    loss: Callable[[Tensor], Tensor],
    held_out_loss: Callable[[], float],
    config: FitConfig,
    generator: torch.Generator,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Minimise `loss`, a scalar of row numbers `[batch]` below `count`; leave `network` with the best weights.

    The initial weights are a candidate too: a fit that only gets worse changes nothing. During the fit, only the choice
    of rows and `loss` may draw from `generator`, or a fit could not resume.

    Raises:
        FlowshotError: a gradient is not finite.
    """

    def judged() -> float:
        found = held_out_loss()
        return found if math.isfinite(found) else math.inf

    steps = config.steps_for(count)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    schedule = decaying_rate(optimizer, WARMUP_STEPS, steps)
    progress = Progress(copy_weights(network), best_loss=judged())
    parts: dict[str, Stateful] = {
        "network": network, "optimizer": optimizer, "schedule": schedule, "rows": GeneratorState(generator),
        "progress": progress,
    }  # fmt: skip
    checkpoint.restore(parts)
    for step in range(progress.step, steps):
        value = loss(torch.randint(count, (config.batch_size,), generator=generator))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        if not math.isfinite(float(norm)):
            problem = f"the fit stopped at step {step + 1}: its gradient is not finite"
            raise FlowshotError(f"{problem}; lower the prior's learning_rate in fit_prior")
        optimizer.step()
        schedule.step()
        progress.step = step + 1
        if progress.step % VALIDATE_EVERY_STEPS == 0 or progress.step == steps:
            progress.keep_if_better(network, judged())
        checkpoint.after_step(parts, progress.step, steps)
    network.load_state_dict(progress.best)
