"""The diagnosis in its cheap form, for every validation: a row of `history.csv`."""

import numpy as np
import torch

from flowshot.clips.batches import evenly_spaced_rows
from flowshot.densities.distributions import Posterior
from flowshot.diagnostics.draws import draw_posteriors
from flowshot.diagnostics.information import mutual_information
from flowshot.diagnostics.latent import DRAWS, Distance, decoder_dependence
from flowshot.diagnostics.units import collapse_fraction, kl_of_dimensions, spread_over_clips
from flowshot.models.base.autoencoder import Autoencoder

# Of those that are decoded, three times each.
DECODED_CLIPS = 16

COLUMNS = (
    "mutual_information", "mutual_information_low", "marginal_kl", "active_units", "active_units_by_share",
    "collapse_fraction", "kl_dimension_lowest", "kl_dimension_median", "kl_dimension_highest", "shuffle_gap",
    "prior_gap",
)  # fmt: skip


@torch.no_grad()
def watch(model: Autoencoder, posterior: Posterior, clips: np.ndarray, distance: Distance) -> dict[str, float]:
    """What the latent carries, as `COLUMNS`; with the same noise at every call.

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
    kl, of_dimensions, spread = float(draws.kl.mean()), kl_of_dimensions(draws), spread_over_clips(draws)
    information = mutual_information(draws)
    estimate = min(information.estimate, max(kl, 0.0))
    sorted_kl = of_dimensions.mean(0).sort().values
    values = (
        estimate, min(information.low, estimate), kl - estimate, int(spread.active.sum()),
        int(spread.active_by_share.sum()), collapse_fraction(of_dimensions), float(sorted_kl[0]),
        float(sorted_kl[len(sorted_kl) // 2]), float(sorted_kl[-1]), shuffle_gap, prior_gap,
    )  # fmt: skip
    return dict(zip(COLUMNS, map(float, values), strict=True))
