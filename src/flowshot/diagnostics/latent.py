"""What the latent of a trained autoencoder carries: its KL divergence taken apart, and what the decoder needs of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import evenly_spaced, evenly_spaced_rows
from flowshot.densities.distributions import Posterior, join_posteriors, standard_normal_log_prob
from flowshot.diagnostics.draws import LatentDraws, draw_posteriors
from flowshot.diagnostics.information import Information, mutual_information
from flowshot.diagnostics.units import Spread, collapse_fraction, heard_dimensions, kl_of_dimensions, spread_over_clips
from flowshot.diagnostics.verdict import judge
from flowshot.models.base.autoencoder import Autoencoder

# Of each clip's posterior.
DRAWS = 32
# Other clips, to which densities are fitted besides, and draws of each.
REFERENCE_CLIPS, REFERENCE_DRAWS = 256, 4
# Of the clips that are decoded, this many are decoded from others' latents too: most of the diagnosis is decoding.
COMPARED_CLIPS = 48
BATCH_SIZE = 64
# Clips whose likelihood is bounded, and draws of each. The bound rises with draws (Burda et al. 2015, theorem 1).
BOUNDED_CLIPS, IMPORTANCE_DRAWS = 64, 8

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Diagnosis:
    """`diagnostics.json` without what training adds to it. Divergences in nats, averaged over `n` clips.

    `kl` = `mutual_information` + `marginal_kl`; the information lies between `_low` and `_high`. `used_units` are those
    that vary over clips, by their share of the variance, and reach the decoder. Gaps are rises of the reconstruction
    loss when a clip is decoded from another clip's latent, and from one that the prior drew. ELBO and IWAE are None
    where the decoder has no likelihood.
    """

    verdict: str
    reason: str
    n: int
    latent_size: int
    kl: float
    kl_per_dimension: list[float]
    mutual_information: float
    mutual_information_low: float
    mutual_information_high: float
    marginal_kl: float
    active_units: int
    active_units_by_share: int
    used_units: int
    collapse_fraction: float
    reconstruction: float
    shuffle_gap: float
    prior_gap: float
    elbo: float | None = None
    iwae: float | None = None


@torch.no_grad()
def diagnose(
    model: Autoencoder,
    clips: np.ndarray,
    distance: Distance,
    generator: torch.Generator,
    reference: np.ndarray | None = None,
    log_likelihood: Distance | None = None,
    history: Sequence[float] | None = None,
) -> Diagnosis:
    """Diagnose `model` on held-out `clips: [n, samples]`.

    Args:
        distance: reconstruction loss of `estimate, target: [batch, samples]`, `[batch]`.
        generator: of the posterior's noise, the prior's draws and the fits.
        reference: clips that the model was trained on, `[m, samples]`: with them the mutual information is bounded
            more tightly from above. At most `REFERENCE_CLIPS` are used.
        log_likelihood: log p(x|z) of `estimate, target: [batch, samples]` in nats, `[batch]`, where there is one.
        history: the reconstruction loss of training, row by row, where it is known.
    """
    model.eval()
    data = torch.from_numpy(np.array(clips, dtype=np.float32))
    posterior = _posterior_of(model, data)
    draws = draw_posteriors(model, posterior, DRAWS, generator)
    others = None
    if reference is not None:
        chosen = torch.from_numpy(evenly_spaced(reference, REFERENCE_CLIPS))
        others = draw_posteriors(model, _posterior_of(model, chosen), REFERENCE_DRAWS, generator).base
    information = mutual_information(draws, others, generator)
    spread, latent = spread_over_clips(draws), draws.latent[:, 0]
    used = int((spread.active_by_share & heard_dimensions(model, latent, spread, generator)).sum())
    reconstruction, shuffle_gap, prior_gap = decoder_dependence(model, latent, data, distance, generator)
    bounds = likelihood_bounds(model, posterior, data, log_likelihood, generator) if log_likelihood else (None, None)
    verdict, reason = judge(used, model.latent_size, shuffle_gap / max(reconstruction, 1e-12), history)
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        n=len(data),
        latent_size=model.latent_size,
        mutual_information_high=information.high,
        used_units=used,
        reconstruction=reconstruction,
        shuffle_gap=shuffle_gap,
        prior_gap=prior_gap,
        elbo=bounds[0],
        iwae=bounds[1],
        **carried(draws, information, spread),
    )


def carried(draws: LatentDraws, information: Information, spread: Spread) -> dict[str, Any]:
    """The numbers of a `Diagnosis` that need no decoder; `spread` is that of `draws`."""
    kl, of_dimensions = float(draws.kl.mean()), kl_of_dimensions(draws)
    # The estimate is of draws, the divergence may be exact: it bounds the information too.
    estimate = min(information.estimate, max(kl, 0.0))
    return {
        "kl": kl,
        "mutual_information": estimate,
        "mutual_information_low": min(information.low, estimate),
        "marginal_kl": kl - estimate,
        "active_units": int(spread.active.sum()),
        "active_units_by_share": int(spread.active_by_share.sum()),
        "collapse_fraction": collapse_fraction(of_dimensions),
        "kl_per_dimension": of_dimensions.mean(0).tolist(),
    }


def decoder_dependence(
    model: Autoencoder, latent: Tensor, data: Tensor, distance: Distance, generator: torch.Generator
) -> tuple[float, float, float]:
    """Mean loss of clips decoded from their own latents, and its rise with another clip's and with the prior's.

    `latent: [clips, size]` is one draw of each posterior, `data: [clips, samples]` are the clips.
    """
    own = _in_batches(model, latent, data, distance)
    rows = torch.from_numpy(evenly_spaced_rows(len(data), COMPARED_CLIPS))
    shuffled = _in_batches(model, latent.roll(max(1, len(data) // 2), 0)[rows], data[rows], distance)
    drawn = _in_batches(model, model.prior.sample(len(rows), generator), data[rows], distance)
    return float(own.mean()), float((shuffled - own[rows]).mean()), float((drawn - own[rows]).mean())


def likelihood_bounds(
    model: Autoencoder, posterior: Posterior, data: Tensor, log_likelihood: Distance, generator: torch.Generator
) -> tuple[float, float]:
    """ELBO and IWAE bound in nats, the means over at most `BOUNDED_CLIPS` of the clips `data: [clips, samples]`.

    With k draws of q(z|x) and the weights w = p(x|z) p(z) / q(z|x): ELBO = E log w, and IWAE = E log (1/k sum w)
    (Burda et al. 2015, 1509.00519, equation 8). Both are of the same draws, so that IWAE is never below ELBO.
    """
    chosen = torch.from_numpy(evenly_spaced_rows(len(data), BOUNDED_CLIPS))
    draws = draw_posteriors(model, posterior.rows(chosen), IMPORTANCE_DRAWS, generator)
    repeated = data[chosen].repeat_interleave(IMPORTANCE_DRAWS, 0)
    of_clips = _in_batches(model, draws.latent.flatten(0, 1), repeated, log_likelihood)
    # In base space, where densities of prior and posterior both change by the same determinant.
    prior = standard_normal_log_prob(draws.base)
    log_weights = (of_clips.unflatten(0, (-1, IMPORTANCE_DRAWS)) + prior - draws.log_density).double()
    iwae = log_weights.logsumexp(1) - math.log(IMPORTANCE_DRAWS)
    return float(log_weights.mean()), float(iwae.mean())


def _in_batches(model: Autoencoder, latent: Tensor, data: Tensor, distance: Distance) -> Tensor:
    pairs = zip(latent.split(BATCH_SIZE), data.split(BATCH_SIZE), strict=True)
    return torch.cat([distance(model.decode(z), x) for z, x in pairs])


def _posterior_of(model: Autoencoder, data: Tensor) -> Posterior:
    return join_posteriors([model.posterior(batch) for batch in data.split(BATCH_SIZE)])
