"""What is measured of an autoencoder while it trains, on clips that it does not learn from."""

from dataclasses import dataclass

import numpy as np
import torch

from flowshot.clips.batches import evenly_spaced, ordered_batches
from flowshot.densities.distributions import Posterior, join_posteriors
from flowshot.diagnostics.watch import watch
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.optimisation.progress import Row
from flowshot.training.config import TrainConfig
from flowshot.training.device import uses_bfloat16
from flowshot.training.latent_loss import charged_divergence
from flowshot.training.losses import ReconstructionLoss

# At most this many training clips are reconstructed at a validation, to be compared with the held-out ones.
GAP_CLIPS = 128


@dataclass(frozen=True)
class Evaluation:
    """Means over all clips, and the posterior of each."""

    reconstruction: float
    extra: float
    kl: float
    posterior: Posterior


def validate(
    model: Autoencoder,
    valid_clips: np.ndarray,
    train_clips: np.ndarray,
    reconstruction_loss: ReconstructionLoss,
    config: TrainConfig,
    batch_size: int,
) -> Row:
    """Losses over all of `valid_clips: [n, samples]` with the full beta, the generalisation gap, and the latent.

    The validation loss, by which weights are kept, charges what the training charges: free nats cost nothing here
    either. The gap between the two reconstructions grows as training clips are learned by heart; they are the same at
    every call, at most as many as there are validation clips, and not augmented.
    """
    held_out = evaluate(model, valid_clips, reconstruction_loss, config, batch_size)
    kl = torch.tensor([held_out.kl], dtype=torch.double)
    charged = float(charged_divergence(kl, held_out.posterior, config))
    seen_clips = evenly_spaced(train_clips, min(len(valid_clips), GAP_CLIPS))
    seen = evaluate(model, seen_clips, reconstruction_loss, config, batch_size).reconstruction
    return {
        "valid_loss": held_out.reconstruction + held_out.extra + config.beta * charged,
        "valid_reconstruction": held_out.reconstruction,
        "valid_extra": held_out.extra,
        "valid_kl": held_out.kl,
        "train_reconstruction_clean": seen,
        "reconstruction_gap": held_out.reconstruction - seen,
        **watch(model, held_out.posterior, valid_clips, lambda a, b: reconstruction_loss(a, b)[0]),
    }


@torch.no_grad()
def evaluate(
    model: Autoencoder, clips: np.ndarray, reconstruction_loss: ReconstructionLoss, config: TrainConfig, batch_size: int
) -> Evaluation:
    """Reconstruction loss and KL divergence over `clips: [n, samples]`, with the same noise at every call."""
    model.eval()
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(0)
    reconstruction, extra, kl, posteriors = 0.0, 0.0, 0.0, []
    for batch in ordered_batches(clips, batch_size):
        batch = batch.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)):
            output = model(batch, noise)
        reconstruction += float(reconstruction_loss(output.clips, batch)[0].sum())
        extra += float(output.extra_loss.sum())
        kl += float(output.kl.sum())
        posteriors.append(output.posterior)
    n = len(clips)
    return Evaluation(reconstruction / n, extra / n, kl / n, join_posteriors(posteriors))
