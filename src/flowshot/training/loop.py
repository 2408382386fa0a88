"""The training loop of an autoencoder, to be read from top to bottom."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flowshot.config.training import BudgetConfig, TrainConfig
from flowshot.errors import FlowshotError
from flowshot.models.vae import VAE
from flowshot.training.adversarial import Adversary, train_decoder_alone
from flowshot.training.augmentation import augment
from flowshot.training.averaging import WeightAverage
from flowshot.training.batches import endless_batches
from flowshot.training.device import uses_bfloat16
from flowshot.training.inference import AggressiveInference
from flowshot.training.latent_loss import LatentLoss
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.objective import Objective
from flowshot.training.optimizer import clipped_gradients, scheduled_adam
from flowshot.training.validation import VALIDATION_COLUMNS, Row, validate

Weights = dict[str, Tensor]

# Every column that `history.csv` may have, before the single terms of the loss.
HISTORY_COLUMNS = (
    "step", "train_loss", "train_reconstruction", "train_kl", *VALIDATION_COLUMNS, "beta", "learning_rate",
    "gradient_norm", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """What training leaves: the best weights, the last ones, and the history.

    The best have the lowest validation loss. An adversarial phase makes that loss worse on purpose, and a controller of
    the divergence changes what a nat costs: behind one, the best are the last.
    """

    best: Weights
    best_step: int
    last: Weights
    history: list[Row]
    seconds: float

    @property
    def best_row(self) -> Row:
        """What the history says of the best weights."""
        return next(row for row in self.history if row["step"] == self.best_step)


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
) -> Trained:
    """Train `model` on `train_clips: [clips, samples]` for `budget.steps` steps.

    Args:
        model: on the device where it is to be trained.
        sample_rate: of the clips, in Hz.
        generator: on the CPU; draws the order of the clips, the posterior's noise and the changes of the clips.
        on_row: called with each row of the history as it comes, for progress bars and tracking.
        on_best: called with a copy of the weights whenever the validation loss is the lowest so far, and at every
            validation of an adversarial phase or under `target_kl`.

    Raises:
        FlowshotError: the loss or the gradient is not finite; says at which step, with which terms and
            learning rate. Or no validation loss was finite. Weights given to `on_best` before are good. Or, at
            once, `free_bits_of` does not fit the model.
    """
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss, sample_rate).to(device)
    optimizer, schedule = scheduled_adam(model, config, budget.steps)
    adversary = Adversary(config.adversarial, budget.steps, device, generator.initial_seed())
    # A generator of its own, so that the same clips come in the same order whatever is changed in them.
    changes = torch.Generator().manual_seed(noise.initial_seed() + 1)
    average = WeightAverage(model, config.average_decay)
    latent_loss = LatentLoss(config, budget.steps, model.is_gaussian)
    objective = Objective(model, reconstruction_loss, latent_loss, noise, uses_bfloat16(config, device))
    inference = AggressiveInference(objective, optimizer, config)
    batches = (
        augment(clips.to(device, non_blocking=True), config.augment, sample_rate, changes)
        for clips in endless_batches(train_clips, budget.batch_size, generator)
    )
    history: list[Row] = []
    best, best_step, best_loss = copy_weights(model), 0, math.inf
    start = time.perf_counter()

    for step in range(budget.steps):
        model.train()
        if step == adversary.first_step and config.adversarial.freeze_encoder:
            train_decoder_alone(model)
        if not adversary.acts(step):
            inference.update(batches, step)
        clips = next(batches)
        output, loss, terms = objective(clips, step)
        beta = latent_loss.weight(step)
        if adversary.acts(step):
            adversarial_loss, adversarial_terms = adversary.step(clips, output.clips, step)
            loss, terms = loss + adversarial_loss, terms | adversarial_terms
        norm = clipped_gradients(model, loss, config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        _require_finite(norm, terms, step + 1, rate)
        optimizer.step()
        schedule.step()
        average.update()
        latent_loss.observe(terms["train_kl"])

        validates = (step + 1) % config.validate_every == 0 or step + 1 == budget.steps
        if validates or step == 0 or (step + 1) % config.log_every == 0:
            logged = {name: float(value.detach()) for name, value in terms.items()}
            row = {"step": step + 1.0, **logged, "beta": beta, "learning_rate": rate, "gradient_norm": float(norm)}
            if validates:
                row |= validate(average.model, valid_clips, train_clips, reconstruction_loss, config, budget.batch_size)
                inference.observe(row["mutual_information"])
                # Where losses of different steps do not compare, every one that is a number is the best so far.
                if row["valid_loss"] < (math.inf if adversary.acts(step) or config.target_kl else best_loss):
                    best, best_step, best_loss = copy_weights(average.model), step + 1, row["valid_loss"]
                    on_best(best, best_step)
            row["seconds"] = time.perf_counter() - start
            history.append(row)
            on_row(row)
        if _out_of_patience(config, step + 1 - best_step):
            break

    model.requires_grad_(True)
    _require_validated(best_step, budget.steps)
    return Trained(best, best_step, copy_weights(model), history, time.perf_counter() - start)


def copy_weights(model: torch.nn.Module) -> Weights:
    """The weights as they are now, on the CPU, independent of further training."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def _out_of_patience(config: TrainConfig, steps_since_best: int) -> bool:
    # With an adversarial phase, which is a share of the steps, all of them are needed.
    enabled = config.patience > 0 and config.adversarial.share == 0
    return enabled and steps_since_best >= config.patience * config.validate_every


def _require_validated(best_step: int, steps: int) -> None:
    # The last step can leave weights that no gradient has judged.
    if best_step == 0:
        raise FlowshotError(
            f"training ended after {steps} steps without a finite validation loss; lower train.learning_rate"
        )


def _require_finite(norm: Tensor, terms: dict[str, Tensor], step: int, rate: float) -> None:
    # One look at the device in a step: a gradient that is finite came from a loss that is.
    if math.isfinite(float(norm)):
        return
    listed = ", ".join(f"{name} {float(value.detach()):.4g}" for name, value in terms.items())
    raise FlowshotError(
        f"training stopped at step {step}: the gradient is not finite ({listed}; learning rate {rate:.3g}); "
        "lower train.learning_rate or train.gradient_clip, or set train.precision to float32"
    )
