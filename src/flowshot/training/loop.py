"""The training loop of an autoencoder, to be read from top to bottom."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from flowshot.config import BudgetConfig, TrainConfig
from flowshot.errors import FlowshotError
from flowshot.models.vae import VAE
from flowshot.training.adversarial import Adversary, train_decoder_alone
from flowshot.training.augmentation import augment
from flowshot.training.averaging import WeightAverage
from flowshot.training.batches import endless_batches, evenly_spaced, ordered_batches
from flowshot.training.device import uses_bfloat16
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.optimizer import scheduled_adam
from flowshot.training.schedules import beta_at

Row = dict[str, float]
Weights = dict[str, Tensor]

# At most so many training clips are reconstructed at a validation, to be compared with the held-out ones.
GAP_CLIPS = 128

# Every column that `history.csv` may have, before the single terms of the loss.
HISTORY_COLUMNS = (
    "step", "train_loss", "train_reconstruction", "train_kl", "valid_loss", "valid_reconstruction", "valid_kl",
    "train_reconstruction_clean", "reconstruction_gap", "beta", "learning_rate", "gradient_norm", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """What training leaves: the best weights, the last ones, and the history.

    The best have the lowest validation loss. An adversarial phase makes that loss worse on purpose: behind one, the
    best are the last.
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
            validation of an adversarial phase.

    Raises:
        FlowshotError: the loss or the gradient is not finite; says at which step, with which terms and
            learning rate. Or no validation loss was finite. Weights given to `on_best` before are good.
    """
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss, sample_rate).to(device)
    optimizer, schedule = scheduled_adam(model, config, budget.steps)
    adversary = Adversary(config.adversarial, budget.steps, device, generator.initial_seed())
    bfloat16 = uses_bfloat16(config, device)
    # A generator of its own, so that the same clips come in the same order whatever is changed in them.
    changes = torch.Generator().manual_seed(noise.initial_seed() + 1)
    average = WeightAverage(model, config.average_decay)
    history: list[Row] = []
    best, best_step, best_loss = copy_weights(model), 0, math.inf
    start = time.perf_counter()

    for step, clips in enumerate(islice(endless_batches(train_clips, budget.batch_size, generator), budget.steps)):
        model.train()
        if step == adversary.first_step and config.adversarial.freeze_encoder:
            train_decoder_alone(model)
        clips = augment(clips.to(device, non_blocking=True), config.augment, sample_rate, changes)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            output = model(clips, noise)
        reconstruction, terms = reconstruction_loss(output.clips, clips)
        reconstruction, kl = reconstruction.mean(), output.kl.mean()
        beta = beta_at(step, config.beta, config.beta_warmup_steps)
        loss = reconstruction + beta * kl
        terms = {"train_loss": loss, "train_reconstruction": reconstruction, "train_kl": kl, **terms}
        if adversary.acts(step):
            adversarial_loss, adversarial_terms = adversary.step(clips, output.clips, step)
            loss, terms = loss + adversarial_loss, terms | adversarial_terms
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        _require_finite(norm, terms, step + 1, rate)
        optimizer.step()
        schedule.step()
        average.update()

        validates = (step + 1) % config.validate_every == 0 or step + 1 == budget.steps
        if validates or step == 0 or (step + 1) % config.log_every == 0:
            logged = {name: float(value.detach()) for name, value in terms.items()}
            row = {"step": step + 1.0, **logged, "beta": beta, "learning_rate": rate, "gradient_norm": float(norm)}
            if validates:
                row |= validate(average.model, valid_clips, train_clips, reconstruction_loss, config, budget.batch_size)
                if adversary.acts(step) or row["valid_loss"] < best_loss:
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


def validate(
    model: VAE,
    valid_clips: np.ndarray,
    train_clips: np.ndarray,
    reconstruction_loss: ReconstructionLoss,
    config: TrainConfig,
    batch_size: int,
) -> Row:
    """Losses over all of `valid_clips: [n, samples]` with the full beta, and how far training clips are ahead.

    The gap between the two reconstructions grows as training clips are learned by heart. These are the same ones at
    every call, at most as many as there are validation clips, without augmentation.
    """
    reconstruction, kl = evaluate(model, valid_clips, reconstruction_loss, config, batch_size)
    seen_clips = evenly_spaced(train_clips, min(len(valid_clips), GAP_CLIPS))
    seen, _ = evaluate(model, seen_clips, reconstruction_loss, config, batch_size)
    return {
        "valid_loss": reconstruction + config.beta * kl,
        "valid_reconstruction": reconstruction,
        "valid_kl": kl,
        "train_reconstruction_clean": seen,
        "reconstruction_gap": reconstruction - seen,
    }


@torch.no_grad()
def evaluate(
    model: VAE, clips: np.ndarray, reconstruction_loss: ReconstructionLoss, config: TrainConfig, batch_size: int
) -> tuple[float, float]:
    """Mean reconstruction loss and KL divergence over `clips: [n, samples]`, with the same noise at every call."""
    model.eval()
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(0)
    reconstruction, kl = 0.0, 0.0
    for batch in ordered_batches(clips, batch_size):
        batch = batch.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)):
            output = model(batch, noise)
        reconstruction += float(reconstruction_loss(output.clips, batch)[0].sum())
        kl += float(output.kl.sum())
    return reconstruction / len(clips), kl / len(clips)


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
