"""The training of the VAE, to be read from top to bottom."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.validation import validate
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Trained
from flowshot.training.job import TrainingJob, uses_bfloat16
from flowshot.training.latent_loss import LatentLoss, charged_divergence
from flowshot.training.loop import Terms, clipped_gradients, scheduled_adam, train_by_steps
from flowshot.training.losses import ReconstructionLoss


def train(model: VAE, job: TrainingJob) -> Trained:
    """Train `model` on its device for the steps of the job's budget.

    The best weights have the lowest validation loss. `target_kl` changes what a nat costs: with it, the last weights
    are the best. Raises FlowshotError if a likelihood is asked of a decoder that draws, and what `train_by_steps`
    raises.
    """
    if job.training.loss.likelihood != "none" and not model.config.waveform:
        raise FlowshotError(
            "train.loss.likelihood compares clips sample by sample, and this decoder draws noise and tones; set "
            "waveform: true in the autoencoder's entry (params.yaml)"
        )
    config, budget, generator = job.training, job.budget, job.generator
    train_clips, valid_clips, sample_rate = job.dataset.clips("train"), job.dataset.clips("valid"), model.sample_rate
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    reconstruction_loss = ReconstructionLoss(config.loss, sample_rate).to(device)
    optimizer, schedule = scheduled_adam(model, config, budget.steps)
    # A generator of its own, so that the same clips come in the same order whatever is changed in them.
    changes = torch.Generator().manual_seed(noise.initial_seed() + 1)
    latent_loss = LatentLoss(config)
    objective = Objective(model, reconstruction_loss, latent_loss, noise, uses_bfloat16(config, device))
    parts: dict[str, Stateful] = {
        "optimizer": optimizer, "schedule": schedule, "latent_loss": latent_loss, "noise": GeneratorState(noise),
    }  # fmt: skip

    def take_step(clips: Tensor, step: int) -> Terms:
        model.train()
        loss, terms = objective(clips, step)
        norm = clipped_gradients(model, loss, config.gradient_clip)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        beta = latent_loss.take_step(step, terms["train_kl"])
        return terms | {"gradient_norm": norm, "beta": beta, "learning_rate": rate}

    return train_by_steps(
        model,
        job,
        parts,
        take_step,
        lambda: validate(model, valid_clips, train_clips, reconstruction_loss, config, budget.batch_size),
        keeps_last=config.target_kl > 0,
        changes=changes,
    )


@dataclass(frozen=True)
class Objective:
    """The loss of `model`. `noise` draws from the posterior; with `bfloat16` the forward pass has reduced precision."""

    model: VAE
    reconstruction_loss: ReconstructionLoss
    latent_loss: LatentLoss
    noise: torch.Generator
    bfloat16: bool

    def __call__(self, clips: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Of clips `[batch, samples]`: the loss at this step, and its parts for the history."""
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.bfloat16):
            output = self.model(clips, self.noise)
        reconstruction, terms = self.reconstruction_loss(output.clips, clips)
        reconstruction, kl, pitch = reconstruction.mean(), output.kl.mean(), output.extra_loss.mean()
        charged = charged_divergence(output.kl, self.latent_loss.config, self.model.latent_size)
        loss = reconstruction + pitch + self.latent_loss.weight(step) * charged
        parts = {"train_loss": loss, "train_reconstruction": reconstruction, "train_kl": kl, "pitch": pitch}
        return loss, parts | terms
