"""The diagnosis in its cheap form, for every validation: a row of `history.csv`."""

import numpy as np
import torch

from flowshot.clips.batches import evenly_spaced_rows
from flowshot.densities.distributions import Posterior
from flowshot.diagnostics.draws import draw_posteriors
from flowshot.diagnostics.information import mutual_information
from flowshot.diagnostics.latent import DRAWS, Distance, carried, decoder_dependence
from flowshot.models.base.autoencoder import Autoencoder

DECODED_CLIPS = 16  # three times each


@torch.no_grad()
def watch(model: Autoencoder, posterior: Posterior, clips: np.ndarray, distance: Distance) -> dict[str, float]:
    """What the latent carries, as columns of `history.csv`; with the same noise at every call.

    It is cheap because nothing is encoded: the `posterior` of all held-out clips comes from the validation itself, and
    few clips are decoded. No other clips help to bound the information, and no mixture is fitted.

    Args:
        posterior: of all of `clips`, on the device of the model.
        clips: held-out ones, `[n, samples]`.
        distance: reconstruction loss of `estimate, target: [batch, samples]`, `[batch]`.
    """
    generator = torch.Generator(posterior.mean.device).manual_seed(0)
    drawn = draw_posteriors(model, posterior, DRAWS, generator)
    chosen = evenly_spaced_rows(len(clips), DECODED_CLIPS)
    data = torch.from_numpy(np.array(clips[chosen], dtype=np.float32)).to(posterior.mean.device)
    latent = drawn.latent[torch.from_numpy(chosen), 0]
    _, shuffle_gap, prior_gap = decoder_dependence(model, latent, data, distance, generator)
    draws = drawn.cpu()
    found = carried(draws, mutual_information(draws))
    found.pop("kl")
    of_dimensions = sorted(found.pop("kl_per_dimension"))
    named = {"lowest": of_dimensions[0], "median": of_dimensions[len(of_dimensions) // 2], "highest": of_dimensions[-1]}
    found |= {f"kl_dimension_{name}": value for name, value in named.items()}
    found |= {"shuffle_gap": shuffle_gap, "prior_gap": prior_gap}
    return {name: float(value) for name, value in found.items()}
