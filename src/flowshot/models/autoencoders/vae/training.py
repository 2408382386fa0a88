"""The training of the VAE, to be read from top to bottom."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.clips.batches import EndlessBatches
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.validation import validate
from flowshot.models.autoencoders.vae.adversarial import Adversary, train_decoder_alone
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.autoencoder import Reconstruction
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, Row, Trained, copy_weights
from flowshot.training.augmentation import augment
from flowshot.training.job import TrainingJob, uses_bfloat16
from flowshot.training.latent_loss import LatentLoss, charged_divergence
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.optimizer import clipped_gradients, scheduled_adam


def train(model: VAE, job: TrainingJob) -> Trained:
    """Train `model` on its device for the steps of the job's budget.

    The best weights have the lowest validation loss. An adversarial phase makes that loss worse on purpose, and
    `target_kl` changes what a nat costs: with one of them, the last weights are the best.

    Raises:
        Interrupted: a stop was requested, and the checkpoint is written.
        FlowshotError: the loss or the gradient is not finite (the message names the step, the terms and the learning
            rate), or no validation loss was finite.
    """
    config, budget, generator = job.training, job.budget, job.generator
    train_clips, valid_clips, sample_rate = job.dataset.clips("train"), job.dataset.clips("valid"), model.sample_rate
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss, sample_rate).to(device)
    optimizer, schedule = scheduled_adam(model, config, budget.steps)
    # A generator of its own, so that the same clips come in the same order whatever is changed in them.
    changes = torch.Generator().manual_seed(noise.initial_seed() + 1)
    latent_loss = LatentLoss(config)
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
    job.checkpoint.restore(parts)
    for row in progress.history:
        job.on_row(row)
    start = time.perf_counter() - progress.seconds

    for step in range(progress.step, budget.steps):
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
                    job.on_best(progress.best, progress.best_step)
            progress.add(row, time.perf_counter() - start)
            job.on_row(row)
        progress.seconds = time.perf_counter() - start
        job.checkpoint.after_step(parts, step + 1, budget.steps)

    model.requires_grad_(True)
    # The last step can leave weights that no gradient has judged.
    if progress.best_step == 0:
        raise FlowshotError(
            f"training ended after {progress.step} steps without a finite validation loss; lower train.learning_rate"
        )
    return progress.trained()


def _numbers(terms: dict[str, Tensor]) -> Row:
    return {name: float(value.detach()) for name, value in terms.items()}


@dataclass(frozen=True)
class Objective:
    """The loss of `model`. `noise` draws from the posterior; with `bfloat16` the forward pass has reduced precision."""

    model: VAE
    reconstruction_loss: ReconstructionLoss
    latent_loss: LatentLoss
    noise: torch.Generator
    bfloat16: bool

    def __call__(self, clips: Tensor, step: int) -> tuple[Reconstruction, Tensor, dict[str, Tensor]]:
        """Of clips `[batch, samples]`: the forward pass, the loss at this step, and its parts for the history."""
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.bfloat16):
            output = self.model(clips, self.noise)
        reconstruction, terms = self.reconstruction_loss(output.clips, clips)
        reconstruction, kl, pitch = reconstruction.mean(), output.kl.mean(), output.extra_loss.mean()
        charged = charged_divergence(output.kl, self.latent_loss.config, self.model.latent_size)
        loss = reconstruction + pitch + self.latent_loss.weight(step) * charged
        parts = {"train_loss": loss, "train_reconstruction": reconstruction, "train_kl": kl, "pitch": pitch}
        return output, loss, parts | terms


def _require_finite(norm: Tensor, terms: dict[str, Tensor], step: int, rate: float) -> None:
    # One look at the device in a step: a gradient that is finite came from a loss that is.
    if math.isfinite(float(norm)):
        return
    listed = ", ".join(f"{name} {value:.4g}" for name, value in _numbers(terms).items())
    raise FlowshotError(
        f"training stopped at step {step}: the gradient is not finite ({listed}; learning rate {rate:.3g}); "
        "lower train.learning_rate or train.gradient_clip, or set train.precision to float32"
    )
