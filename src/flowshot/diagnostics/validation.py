"""What is measured of an autoencoder while it trains, on clips that it does not learn from."""

import numpy as np
import torch

from flowshot.clips.batches import evenly_spaced, evenly_spaced_rows, ordered_batches
from flowshot.densities.distributions import Posterior, join_posteriors
from flowshot.diagnostics.draws import draw_posteriors
from flowshot.diagnostics.information import mutual_information
from flowshot.diagnostics.latent import DRAWS, Distance, carried, decoder_dependence
from flowshot.diagnostics.units import spread_over_clips
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.optimisation.progress import Row
from flowshot.training.config import TrainConfig
from flowshot.training.job import uses_bfloat16
from flowshot.training.latent_loss import charged_divergence
from flowshot.training.losses import ReconstructionLoss

# At most this many training clips are reconstructed at a validation, to be compared with the held-out ones.
GAP_CLIPS = 128
DECODED_CLIPS = 16  # by the diagnosis in its cheap form, three times each


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
    either. The gap between the two reconstructions grows as the model memorises training clips; they are the same at
    every call, at most as many as there are validation clips, and not augmented.
    """
    reconstruction, extra, kl, posterior = evaluate(model, valid_clips, reconstruction_loss, config, batch_size)
    charged = float(charged_divergence(torch.tensor([kl], dtype=torch.double), config, model.latent_size))
    seen_clips = evenly_spaced(train_clips, min(len(valid_clips), GAP_CLIPS))
    seen, _, _, _ = evaluate(model, seen_clips, reconstruction_loss, config, batch_size)
    return {
        "valid_loss": reconstruction + extra + config.beta * charged,
        "valid_reconstruction": reconstruction,
        "valid_extra": extra,
        "valid_kl": kl,
        "train_reconstruction_clean": seen,
        "reconstruction_gap": reconstruction - seen,
        **watch(model, posterior, valid_clips, lambda a, b: reconstruction_loss(a, b)[0]),
    }


@torch.no_grad()
def evaluate(
    model: Autoencoder, clips: np.ndarray, reconstruction_loss: ReconstructionLoss, config: TrainConfig, batch_size: int
) -> tuple[float, float, float, Posterior]:
    """Mean loss, extra loss and KL of `clips: [n, samples]`, with the same noise at every call, and the posteriors."""
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
    return reconstruction / n, extra / n, kl / n, join_posteriors(posteriors)


@torch.no_grad()
def watch(model: Autoencoder, posterior: Posterior, clips: np.ndarray, distance: Distance) -> dict[str, float]:
    """The diagnosis in its cheap form, as columns of `history.csv`; with the same noise at every call.

    It is cheap because nothing is encoded: the `posterior` of all held-out clips comes from the validation itself, and
    few clips are decoded. No other clips help to bound the information, and no mixture is fitted.
    """
    generator = torch.Generator(posterior.mean.device).manual_seed(0)
    drawn = draw_posteriors(model, posterior, DRAWS, generator)
    chosen = evenly_spaced_rows(len(clips), DECODED_CLIPS)
    data = torch.from_numpy(np.array(clips[chosen], dtype=np.float32)).to(posterior.mean.device)
    latent = drawn.latent[torch.from_numpy(chosen), 0]
    _, shuffle_gap, prior_gap = decoder_dependence(model, latent, data, distance, generator)
    draws = drawn.cpu()
    found = carried(draws, mutual_information(draws), spread_over_clips(draws))
    found.pop("kl")
    of_dimensions = sorted(found.pop("kl_per_dimension"))
    named = {"lowest": of_dimensions[0], "median": of_dimensions[len(of_dimensions) // 2], "highest": of_dimensions[-1]}
    found |= {f"kl_dimension_{name}": value for name, value in named.items()}
    found |= {"shuffle_gap": shuffle_gap, "prior_gap": prior_gap}
    return {name: float(value) for name, value in found.items()}
