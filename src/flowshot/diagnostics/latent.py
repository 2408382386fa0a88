"""What the latent of a trained autoencoder carries: its KL divergence taken apart, and what the decoder needs of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import evenly_spaced, evenly_spaced_rows
from flowshot.densities.distributions import Posterior, join_posteriors
from flowshot.diagnostics.draws import LatentDraws, draw_posteriors
from flowshot.diagnostics.information import mutual_information
from flowshot.diagnostics.likelihood_bounds import LogLikelihood, likelihood_bounds
from flowshot.diagnostics.units import collapse_fraction, heard_dimensions, kl_of_dimensions, spread_over_clips
from flowshot.diagnostics.verdict import judge
from flowshot.models.base.autoencoder import Autoencoder

# Of each clip's posterior.
DRAWS = 32
# Other clips, to which densities are fitted besides, and draws of each.
REFERENCE_CLIPS, REFERENCE_DRAWS = 256, 4
# Of those whose own latent is decoded, so many are decoded from others' too: most of the diagnosis is decoding.
COMPARED_CLIPS = 48
BATCH_SIZE = 64

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

    @property
    def numbers(self) -> dict[str, float]:
        """What of it is one number."""
        return {name: float(value) for name, value in vars(self).items() if isinstance(value, int | float)}


@torch.no_grad()
def diagnose(
    model: Autoencoder,
    clips: np.ndarray,
    distance: Distance,
    generator: torch.Generator,
    reference: np.ndarray | None = None,
    log_likelihood: LogLikelihood | None = None,
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
    kl, kl_per_dimension = float(draws.kl.mean()), kl_of_dimensions(draws)
    information = mutual_information(draws, _reference_latents(model, reference, generator), generator)
    # The estimate is of draws, the divergence may be exact: it bounds the information too.
    estimate = min(information.estimate, max(kl, 0.0))
    spread = spread_over_clips(draws)
    latent = draws.latent[:, 0]
    used = spread.active_by_share & heard_dimensions(model, latent, spread, generator)
    reconstruction, shuffle_gap, prior_gap = decoder_dependence(model, latent, data, distance, generator)
    bounds = likelihood_bounds(model, posterior, data, log_likelihood, generator) if log_likelihood else (None, None)
    size = model.latent_size
    verdict, reason = judge(int(used.sum()), size, shuffle_gap / max(reconstruction, 1e-12), history)
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        n=len(data),
        latent_size=size,
        kl=kl,
        kl_per_dimension=kl_per_dimension.mean(0).tolist(),
        mutual_information=estimate,
        mutual_information_low=min(information.low, estimate),
        mutual_information_high=information.high,
        marginal_kl=kl - estimate,
        active_units=int(spread.active.sum()),
        active_units_by_share=int(spread.active_by_share.sum()),
        used_units=int(used.sum()),
        collapse_fraction=collapse_fraction(kl_per_dimension),
        reconstruction=reconstruction,
        shuffle_gap=shuffle_gap,
        prior_gap=prior_gap,
        elbo=bounds[0],
        iwae=bounds[1],
    )


def decoder_dependence(
    model: Autoencoder, latent: Tensor, data: Tensor, distance: Distance, generator: torch.Generator
) -> tuple[float, float, float]:
    """Mean loss of clips decoded from their own latents, and its rise with another clip's and with the prior's.

    Args:
        latent: one draw of each clip's posterior, `[clips, size]`.
        data: the clips, `[clips, samples]`.
    """

    def losses(latents: Tensor, clips: Tensor) -> Tensor:
        pairs = zip(latents.split(BATCH_SIZE), clips.split(BATCH_SIZE), strict=True)
        return torch.cat([distance(model.decode(z), x) for z, x in pairs])

    own = losses(latent, data)
    rows = torch.from_numpy(evenly_spaced_rows(len(data), COMPARED_CLIPS))
    # By half of the clips, because those of one source lie side by side.
    shuffled = losses(latent.roll(max(1, len(data) // 2), 0)[rows], data[rows])
    drawn = losses(model.prior.sample(len(rows), generator), data[rows])
    return float(own.mean()), float((shuffled - own[rows]).mean()), float((drawn - own[rows]).mean())


def _posterior_of(model: Autoencoder, data: Tensor) -> Posterior:
    return join_posteriors([model.posterior(batch) for batch in data.split(BATCH_SIZE)])


def _reference_latents(model: Autoencoder, clips: np.ndarray | None, generator: torch.Generator) -> Tensor | None:
    if clips is None:
        return None
    chosen = torch.from_numpy(evenly_spaced(clips, REFERENCE_CLIPS))
    found: LatentDraws = draw_posteriors(model, _posterior_of(model, chosen), REFERENCE_DRAWS, generator)
    return found.base
