"""The training loop of the VAE and of generators, and the parts of a step that their trainings share."""

import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from flowshot.clips.batches import EndlessBatches
from flowshot.core.errors import FlowshotError
from flowshot.models.base.model import ClipModel
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, Row, Trained, copy_weights, decaying_rate
from flowshot.training.augmentation import augment
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob, uses_bfloat16

Terms = dict[str, Tensor | float]


def train_by_steps(
    model: ClipModel,
    job: TrainingJob,
    parts: Mapping[str, Stateful],
    take_step: Callable[[Tensor, int], Terms],
    validate: Callable[[], Row] | None = None,
    keeps_last: bool = False,
    changes: torch.Generator | None = None,
) -> Trained:
    """Call `take_step(clips, step)` for every step of the job's budget, or after resuming for the remaining ones.

    Args:
        model: what is kept and draws clips, on the device of the training; often a moving average.
        parts: whatever else changes from step to step.
        take_step: makes one step on `clips: [batch, samples]`, and returns what the history shows of it, with the
            `gradient_norm` and the `learning_rate`.
        validate: gives the `valid_loss` that decides which weights are the best; without it the last ones are.
        keeps_last: the last weights are the best whatever their validation loss, as long as that is a number: losses
            of different steps may not compare.
        changes: draws the augmentation, on the CPU; by default one that is seeded by the job.

    Raises:
        Interrupted: a stop was requested, and the checkpoint is written.
        FlowshotError: a gradient was not finite (the message names the step, the terms and the learning rate), or no
            validation loss was finite.
    """
    config, budget = job.training, job.budget
    device = next(model.parameters()).device
    order = EndlessBatches(job.dataset.clips("train"), budget.batch_size, job.generator)
    changes = changes or torch.Generator().manual_seed(job.generator.initial_seed() + 1)
    progress = Progress(copy_weights(model))
    every: dict[str, Stateful] = {
        "model": model,
        "order": order,
        "changes": GeneratorState(changes),
        "progress": progress,
        **parts,
    }
    job.checkpoint.restore(every)
    for row in progress.history:
        job.on_row(row)
    start = time.perf_counter() - progress.seconds

    while progress.step < budget.steps:
        clips = next(order).to(device, non_blocking=True)
        terms = take_step(augment(clips, config.augment, model.sample_rate, changes), progress.step)
        progress.step += 1
        require_finite(terms, progress.step)
        validates = progress.step % job.validate_every == 0 or progress.step == budget.steps
        if validates or progress.step == 1 or progress.step % config.log_every == 0:
            row = {"step": float(progress.step), **numbers(terms)}
            if validates:
                row |= validate() if validate is not None else {}
                if progress.keep_if_better(model, row.get("valid_loss", 0.0), validate is None or keeps_last):
                    job.on_best(progress.best, progress.best_step)
            progress.add(row, time.perf_counter() - start)
            job.on_row(row)
        progress.seconds = time.perf_counter() - start
        job.checkpoint.after_step(every, progress.step, budget.steps)

    # The last step may leave weights that are not finite, because no gradient is computed after it.
    if progress.best_step == 0:
        raise FlowshotError(
            f"training ended after {progress.step} steps without a finite validation loss; lower train.learning_rate"
        )
    precision = "bfloat16" if uses_bfloat16(config, device) else "float32"
    return Trained(progress.best, progress.best_step, progress.history, progress.times, precision)


def scheduled_adam(
    model: nn.Module, config: TrainConfig, steps: int
) -> tuple[torch.optim.Adam, torch.optim.lr_scheduler.LambdaLR]:
    """Adam (Kingma & Ba 2014, 1412.6980) for `steps` steps of `model`, and its learning rate's schedule."""
    # Fused: one pass over the weights in place of a dozen.
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
    return optimizer, decaying_rate(optimizer, config.warmup_steps, steps)


def clipped_gradients(model: nn.Module, loss: Tensor, largest: float) -> Tensor:
    """Set the gradients of `model` to those of the scalar `loss`, their common norm at most `largest`.

    Returns the norm before, which is not finite where a gradient is not.
    """
    model.zero_grad(set_to_none=True)
    loss.backward()
    return nn.utils.clip_grad_norm_(model.parameters(), largest)


def noise_source(job: TrainingJob, device: torch.device) -> torch.Generator:
    """The random generator of a training on its device; the job's own generator only orders the clips."""
    return torch.Generator(device).manual_seed(job.generator.initial_seed() + 2)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the weights of `average` a little towards those of `network`.

    Faster in the first steps, which count from 0, so that the initial weights do not stay in the average of a short
    training, as in TensorFlow's moving average.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def require_finite(terms: Terms, step: int) -> None:
    """Raise FlowshotError if the gradient of a step was not finite: its loss was not, or overflowed."""
    # One look at the device in a step: a gradient that is finite came from a loss that is.
    if not math.isfinite(float(terms["gradient_norm"])):
        listed = ", ".join(f"{name} {value:.4g}" for name, value in numbers(terms).items())
        raise FlowshotError(
            f"training stopped at step {step}: the gradient is not finite ({listed}); lower "
            "train.learning_rate (or the entry's own) or train.gradient_clip, or set train.precision to float32"
        )


def numbers(terms: Terms) -> Row:
    """The terms as plain numbers."""
    return {name: float(value.detach() if isinstance(value, Tensor) else value) for name, value in terms.items()}
