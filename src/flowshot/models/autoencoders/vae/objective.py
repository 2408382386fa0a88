"""What a step of training minimises: reconstruction and latent loss of a batch, and what they consist of."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.autoencoder import Reconstruction
from flowshot.training.latent_loss import LatentLoss
from flowshot.training.losses import ReconstructionLoss


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
        charged = self.latent_loss.charged(output.kl, output.posterior)
        loss = reconstruction + pitch + self.latent_loss.weight(step) * charged
        terms = {"train_loss": loss, "train_reconstruction": reconstruction, "train_kl": kl, "pitch": pitch} | terms
        return output, loss, terms
