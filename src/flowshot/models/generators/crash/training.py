"""Training of CRASH: the network learns to estimate the noise in clips."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from flowshot.clips.batches import evenly_spaced, ordered_batches
from flowshot.models.generators.crash.model import Crash
from flowshot.models.generators.crash.schedules import Schedule
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Row, Trained
from flowshot.training.job import TrainingJob, uses_bfloat16
from flowshot.training.loop import (
    Terms,
    clipped_gradients,
    noise_source,
    scheduled_adam,
    train_by_steps,
    update_average,
)

VALIDATED = 256  # clips at most, spread over the set


def train(model: Crash, job: TrainingJob) -> Trained:
    """Train a copy of the model's network, whose moving average the model keeps.

    The weights with the lowest validation loss are the best. For what it raises, see `train_by_steps`.
    """
    config, device = job.training, next(model.parameters()).device
    network = copy.deepcopy(model.network)
    optimizer, schedule = scheduled_adam(network, config, job.budget.steps)
    noise = noise_source(job, device)
    held_out = evenly_spaced(job.dataset.clips("valid"), VALIDATED)

    def error(network: nn.Module, clips: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)):
            return noise_error(network, model.schedule, clips, level, noise)

    def take_step(clips: Tensor, step: int) -> Terms:
        level = torch.rand(len(clips), generator=noise, device=device)
        drawn = torch.randn(clips.shape, generator=noise, device=device)
        loss = error(network, clips, level, drawn).mean()
        norm = clipped_gradients(network, loss, config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        update_average(model.network, network, model.config.average, step)
        return {"train_loss": loss, "gradient_norm": norm, "learning_rate": rate}

    @torch.no_grad()
    def validate() -> Row:
        levels = torch.from_numpy((np.arange(len(held_out), dtype=np.float32) + 0.5) / len(held_out))
        same = torch.Generator().manual_seed(0)  # levels and noise of every validation
        total = 0.0
        batches = ordered_batches(held_out, job.budget.batch_size)
        for clips, level in zip(batches, levels.split(job.budget.batch_size), strict=True):
            drawn = torch.randn(clips.shape, generator=same)
            total += float(error(model.network, *(each.to(device) for each in (clips, level, drawn))).sum())
        return {"valid_loss": total / len(held_out)}

    parts: dict[str, Stateful] = {
        "network": network,
        "optimizer": optimizer,
        "schedule": schedule,
        "noise": GeneratorState(noise),
    }
    return train_by_steps(model, job, parts, take_step, validate)


def noise_error(network: nn.Module, schedule: Schedule, clips: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of the estimated noise of each of `clips: [batch, samples]`, `[batch]`.

    `level: [batch]` says how much of `noise: [batch, samples]` is added; 1 is the error of an estimate of 0.
    """
    times = schedule.time(level)
    estimate: Tensor = network(schedule.add_noise(clips, noise, times), schedule.sigma(times))
    return (estimate.float() - noise).square().mean(1)
