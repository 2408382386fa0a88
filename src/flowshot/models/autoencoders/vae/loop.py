"""The training loop of the VAE, to be read from top to bottom."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import EndlessBatches
from flowshot.core.errors import FlowshotError
from flowshot.core.plan import BudgetConfig
from flowshot.diagnostics.validation import validate
from flowshot.models.autoencoders.vae.adversarial import Adversary, train_decoder_alone
from flowshot.models.autoencoders.vae.objective import Objective
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint, GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, Row, Trained, Weights, copy_weights
from flowshot.training.augmentation import augment
from flowshot.training.config import TrainConfig
from flowshot.training.device import uses_bfloat16
from flowshot.training.latent_loss import LatentLoss
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.optimizer import clipped_gradients, scheduled_adam


def train(
    model: VAE,
    train_clips: np.ndarray,
    valid_clips: np.ndarray,
    sample_rate: int,
    config: TrainConfig,
    budget: BudgetConfig,
    generator: torch.Generator,
    on_row: Callable[[Row], None] = lambda row: None,
    on_best: Callable[[Weights, int], None] = lambda weights, step: None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> Trained:
    """Train `model` on `train_clips: [clips, samples]` for `budget.steps` steps.

    The best weights have the lowest validation loss. An adversarial phase makes that loss worse on purpose, and
    `target_kl` changes what a nat costs: with one of them, the last weights are the best.

    Args:
        model: on the device where it is to be trained.
        sample_rate: of the clips, in Hz.
        generator: on the CPU; draws the order of the clips, the posterior's noise and the changes of the clips.
        on_row: is called with each row of the history; a training that resumes first repeats the rows before.
        on_best: is called with the weights and their step whenever they are the best so far.
        checkpoint: keeps the state of the training. On the same machine and number of threads the weights end the
            same, bit for bit, however often it was interrupted.

    Raises:
        Interrupted: a stop was requested, and the checkpoint is written.
        FlowshotError: the loss or the gradient is not finite (the message names the step, the terms and the learning
            rate), no validation loss was finite, or, at once, `free_bits_of` does not fit the model.
    """
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss, sample_rate).to(device)
    optimizer, schedule = scheduled_adam(model, config, budget.steps)
    # A generator of its own, so that the same clips come in the same order whatever is changed in them.
    changes = torch.Generator().manual_seed(noise.initial_seed() + 1)
    latent_loss = LatentLoss(config, model.is_gaussian)
    model.guided = config.loss.likelihood == "none"
    objective = Objective(model, reconstruction_loss, latent_loss, noise, uses_bfloat16(config, device))
    order = EndlessBatches(train_clips, budget.batch_size, generator)
    batches = (augment(clips.to(device, non_blocking=True), config.augment, sample_rate, changes) for clips in order)
    progress = Progress(copy_weights(model))
    parts: dict[str, Stateful] = {
        "model": model, "optimizer": optimizer, "schedule": schedule, "latent_loss": latent_loss, "order": order,
        "changes": GeneratorState(changes), "noise": GeneratorState(noise), "progress": progress,
    }  # fmt: skip
    adversary = None
    if config.adversarial.share:
        parts["adversary"] = adversary = Adversary(config.adversarial, budget.steps, device, generator.initial_seed())
    checkpoint.restore(parts)
    for row in progress.history:
        on_row(row)
    start = time.perf_counter() - progress.seconds

    for step in _steps_to_go(progress, config, budget.steps):
        model.train()
        phase = adversary if adversary is not None and adversary.acts(step) else None
        if phase is not None:
            train_decoder_alone(model)
        output, loss, terms = objective(clips := next(batches), step)
        if phase is not None:
            added, added_terms = phase.step(clips, output.clips, step)
            loss, terms = loss + added, terms | added_terms
        norm = clipped_gradients(model, loss, config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        _require_finite(norm, terms, step + 1, rate)
        optimizer.step()
        schedule.step()
        beta = latent_loss.take_step(step, terms["train_kl"])
        progress.step = step + 1

        validates = (step + 1) % config.validate_every == 0 or step + 1 == budget.steps
        if validates or step == 0 or (step + 1) % config.log_every == 0:
            row = {"step": step + 1.0, **_numbers(terms | {"gradient_norm": norm}), "beta": beta, "learning_rate": rate}
            if validates:
                row |= validate(model, valid_clips, train_clips, reconstruction_loss, config, budget.batch_size)
                # Where losses of different steps do not compare, every one that is a number is the best so far.
                if progress.keep_if_better(model, row["valid_loss"], phase is not None or config.target_kl > 0):
                    on_best(progress.best, progress.best_step)
            progress.add(row, time.perf_counter() - start)
            on_row(row)
        progress.seconds = time.perf_counter() - start
        checkpoint.after_step(parts, step + 1, budget.steps)

    model.requires_grad_(True)
    # The last step can leave weights that no gradient has judged.
    if progress.best_step == 0:
        raise FlowshotError(
            f"training ended after {progress.step} steps without a finite validation loss; lower train.learning_rate"
        )
    return progress.trained(model)


def _numbers(terms: dict[str, Tensor]) -> Row:
    return {name: float(value.detach()) for name, value in terms.items()}


def _steps_to_go(progress: Progress, config: TrainConfig, steps: int) -> Iterator[int]:
    # With an adversarial phase, which is a share of the steps, all of them are needed.
    patience = config.patience * config.validate_every if config.adversarial.share == 0 else 0
    while progress.step < steps and not (patience and progress.step - progress.best_step >= patience):
        yield progress.step


def _require_finite(norm: Tensor, terms: dict[str, Tensor], step: int, rate: float) -> None:
    # One look at the device in a step: a gradient that is finite came from a loss that is.
    if math.isfinite(float(norm)):
        return
    listed = ", ".join(f"{name} {value:.4g}" for name, value in _numbers(terms).items())
    raise FlowshotError(
        f"training stopped at step {step}: the gradient is not finite ({listed}; learning rate {rate:.3g}); "
        "lower train.learning_rate or train.gradient_clip, or set train.precision to float32"
    )
