"""The training loop of an autoencoder, to be read from top to bottom."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flowshot.config import BudgetConfig, TrainConfig
from flowshot.errors import FlowshotError
from flowshot.models.vae import VAE
from flowshot.training.batches import endless_batches, ordered_batches
from flowshot.training.device import uses_bfloat16
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.schedules import beta_at, learning_rate_factor

Row = dict[str, float]
Weights = dict[str, Tensor]

# Every column that `history.csv` may have, before the single terms of the loss.
HISTORY_COLUMNS = (
    "step", "train_loss", "train_reconstruction", "train_kl", "valid_loss", "valid_reconstruction", "valid_kl",
    "beta", "learning_rate", "gradient_norm", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """What training leaves: the weights with the lowest validation loss, the last ones, and the history."""

    best: Weights
    best_step: int
    last: Weights
    history: list[Row]
    seconds: float


def train(
    model: VAE,
    train_clips: np.ndarray,
    valid_clips: np.ndarray,
    config: TrainConfig,
    budget: BudgetConfig,
    generator: torch.Generator,
    on_row: Callable[[Row], None] = lambda row: None,
    on_best: Callable[[Weights, int], None] = lambda weights, step: None,
) -> Trained:
    """Train `model` on `train_clips: [clips, samples]` for `budget.steps` steps.

    Args:
        model: on the device where it is to be trained.
        generator: on the CPU; draws the order of the clips and the posterior's noise.
        on_row: called with each row of the history as it comes, for progress bars and tracking.
        on_best: called with a copy of the weights whenever the validation loss is the lowest so far.

    Raises:
        FlowshotError: the loss or the gradient is not finite; says at which step, with which terms and
            learning rate. Weights given to `on_best` before are good.
    """
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, config.warmup_steps, budget.steps)
    )
    bfloat16 = uses_bfloat16(config, device)
    batches = endless_batches(train_clips, budget.batch_size, generator)
    history: list[Row] = []
    best, best_step, best_loss = copy_weights(model), 0, math.inf
    start = time.perf_counter()

    for step in range(budget.steps):
        model.train()
        clips = next(batches).to(device, non_blocking=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            output = model(clips, noise)
        reconstruction, terms = reconstruction_loss(output.clips, clips)
        reconstruction, kl = reconstruction.mean(), output.kl.mean()
        beta = beta_at(step, config.beta, config.beta_warmup_steps)
        loss = reconstruction + beta * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        terms = {"train_loss": loss, "train_reconstruction": reconstruction, "train_kl": kl, **terms}
        _require_finite(norm, terms, step + 1, rate)
        optimizer.step()
        schedule.step()

        last_step = step + 1 == budget.steps
        validates = (step + 1) % config.validate_every == 0 or last_step
        if validates or step == 0 or (step + 1) % config.log_every == 0:
            row = {"step": step + 1.0, **{name: float(value.detach()) for name, value in terms.items()}}
            row |= {"beta": beta, "learning_rate": rate, "gradient_norm": float(norm)}
            if validates:
                row |= validate(model, valid_clips, reconstruction_loss, config, budget.batch_size)
                if row["valid_loss"] < best_loss:
                    best, best_step, best_loss = copy_weights(model), step + 1, row["valid_loss"]
                    on_best(best, best_step)
            row["seconds"] = time.perf_counter() - start
            history.append(row)
            on_row(row)

    return Trained(best, best_step, copy_weights(model), history, time.perf_counter() - start)


@torch.no_grad()
def validate(
    model: VAE, clips: np.ndarray, reconstruction_loss: ReconstructionLoss, config: TrainConfig, batch_size: int
) -> Row:
    """Losses over all of `clips: [n, samples]`, with the full beta and the same noise at every call."""
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
    reconstruction, kl = reconstruction / len(clips), kl / len(clips)
    return {
        "valid_loss": reconstruction + config.beta * kl,
        "valid_reconstruction": reconstruction,
        "valid_kl": kl,
    }


def copy_weights(model: torch.nn.Module) -> Weights:
    """The weights as they are now, on the CPU, independent of further training."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def _require_finite(norm: Tensor, terms: dict[str, Tensor], step: int, rate: float) -> None:
    # One look at the device in a step: a gradient that is finite came from a loss that is.
    if math.isfinite(float(norm)):
        return
    listed = ", ".join(f"{name} {float(value.detach()):.4g}" for name, value in terms.items())
    raise FlowshotError(
        f"training stopped at step {step}: the gradient is not finite ({listed}; learning rate {rate:.3g}); "
        "lower train.learning_rate or train.gradient_clip, or set train.precision to float32"
    )
