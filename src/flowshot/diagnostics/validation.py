"""What is measured of an autoencoder while it trains, on clips that it does not learn from."""

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
    reconstruction, kl, posterior = evaluate(model, valid_clips, reconstruction_loss, config, batch_size)
    charged = float(charged_divergence(torch.tensor([kl], dtype=torch.double), posterior, config))
    seen_clips = evenly_spaced(train_clips, min(len(valid_clips), GAP_CLIPS))
    seen, _, _ = evaluate(model, seen_clips, reconstruction_loss, config, batch_size)
    return {
        "valid_loss": reconstruction + config.beta * charged,
        "valid_reconstruction": reconstruction,
        "valid_kl": kl,
        "train_reconstruction_clean": seen,
        "reconstruction_gap": reconstruction - seen,
        **watch(model, posterior, valid_clips, lambda a, b: reconstruction_loss(a, b)[0]),
    }


@torch.no_grad()
def evaluate(
    model: Autoencoder, clips: np.ndarray, reconstruction_loss: ReconstructionLoss, config: TrainConfig, batch_size: int
) -> tuple[float, float, Posterior]:
    """Mean loss and KL over `clips: [n, samples]`, with the same noise at every call, and the posterior of each."""
    model.eval()
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(0)
    reconstruction, kl, posteriors = 0.0, 0.0, []
    for batch in ordered_batches(clips, batch_size):
        batch = batch.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)):
            output = model(batch, noise)
        reconstruction += float(reconstruction_loss(output.clips, batch)[0].sum())
        kl += float(output.kl.sum())
        posteriors.append(output.posterior)
    return reconstruction / len(clips), kl / len(clips), join_posteriors(posteriors)
