"""What the latent of a trained autoencoder carries: its KL divergence taken apart, and what the decoder needs of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flowshot.models.distributions import (
    Posterior,
    draw_with_kl,
    gaussian_kl,
    posterior_log_prob,
    posterior_transform,
    repeat_posterior,
)
from flowshot.models.vae import VAE

# Variance over clips above which a dimension counts as active (Burda et al. 2016, 1509.00519, section 5.1).
ACTIVE_VARIANCE = 0.01
# Clips between which the aggregate posterior is compared: the cost grows with the square.
AGGREGATE_CLIPS = 128
PAIRED_CLIPS = 16
# Of each clip's posterior under a flow. With n clips the variance over them is known to 1/DRAWS * sqrt(2/n).
DRAWS = 64
BATCH_SIZE = 64
# Below the first, of active dimensions or of the relative rise of the loss, the latent is not used; below the
# second, only in part.
COLLAPSED, PARTLY_COLLAPSED = 0.05, 0.75


@dataclass(frozen=True)
class Diagnosis:
    """`diagnostics.json` without what training adds to it. Divergences in nats, averaged over `n` clips."""

    verdict: str
    reason: str
    n: int
    latent_size: int
    kl: float
    kl_per_dimension: list[float]
    mutual_information: float
    marginal_kl: float
    active_units: int
    shuffle_gap: float
    reconstruction: float


Distance = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def diagnose(model: VAE, clips: np.ndarray, distance: Distance, generator: torch.Generator) -> Diagnosis:
    """Diagnose `model` on held-out `clips: [n, samples]`.

    Args:
        distance: reconstruction loss of `estimate, target: [batch, samples]`, `[batch]`.
        generator: of the posterior's noise and the shuffling.
    """
    model.eval()
    data = torch.from_numpy(np.array(clips, dtype=np.float32))
    posterior = _posterior_of(model, data)
    latent, kl = draw_with_kl(posterior, model.posterior_flow, model.prior, generator)
    active = int((_variance_over_clips(model, posterior, generator) > ACTIVE_VARIANCE).sum())
    information, marginal = _kl_decomposition(model, posterior, latent, float(kl.mean()))
    reconstruction = _reconstruction(model, latent, data, distance)
    shuffled = _reconstruction(model, latent.roll(max(1, len(data) // 2), 0), data, distance)
    gap = shuffled - reconstruction
    verdict, reason = judge(active, model.config.latent_size, gap / max(reconstruction, 1e-12))
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        n=len(data),
        latent_size=model.config.latent_size,
        kl=float(kl.mean()),
        kl_per_dimension=_kl_per_dimension(model, posterior, generator).tolist(),
        mutual_information=information,
        marginal_kl=marginal,
        active_units=active,
        shuffle_gap=gap,
        reconstruction=reconstruction,
    )


def judge(active: int, latent_size: int, relative_gap: float) -> tuple[str, str]:
    """A verdict and the numbers that led to it, in one sentence."""
    fraction = active / latent_size
    # Asked this way round, a gap that is no number is not called healthy.
    if not (fraction >= COLLAPSED and relative_gap >= COLLAPSED):
        verdict = "collapsed"
    elif fraction < PARTLY_COLLAPSED:
        verdict = "partly_collapsed"
    else:
        verdict = "healthy"
    return verdict, (
        f"{active} of {latent_size} dimensions vary over clips, and exchanging the latents of clips raises the "
        f"reconstruction loss by {100 * relative_gap:.1f} %."
    )


def _posterior_of(model: VAE, data: Tensor) -> Posterior:
    parts = [model.posterior(batch) for batch in data.split(BATCH_SIZE)]
    context = None if parts[0].context is None else torch.cat([p.context for p in parts if p.context is not None])
    return Posterior(torch.cat([p.mean for p in parts]), torch.cat([p.log_scale for p in parts]), context)


def _variance_over_clips(model: VAE, posterior: Posterior, generator: torch.Generator) -> Tensor:
    """Variance of E[z|x] over clips, `[latent_size]`.

    Under a flow E[z|x] is the average of draws, which varies even where E[z|x] does not: with 1/`DRAWS` of the
    posterior's variance, which is taken off. Left in, it would make every collapsed dimension look active.
    """
    if model.posterior_flow is None:
        return posterior.mean.var(0)
    repeated = repeat_posterior(posterior, DRAWS)
    latents = posterior_transform(repeated, model.posterior_flow, repeated.base_sample(generator))[0]
    latents = latents.unflatten(0, (-1, DRAWS))
    return latents.mean(1).var(0) - latents.var(1).mean(0) / DRAWS


def _kl_decomposition(model: VAE, posterior: Posterior, latent: Tensor, kl: float) -> tuple[float, float]:
    """KL = mutual information + marginal KL (Hoffman & Johnson 2016, "ELBO surgery"), in nats.

    The information is that between a latent and the index of its clip among `AGGREGATE_CLIPS` clips, with the
    aggregate posterior the mixture over these clips. It is exact for that index up to the noise of one draw a
    clip, and cannot exceed log(clips): a lower bound of the information about the clip. What it cannot count
    appears in the marginal KL, which is an upper bound.
    """
    count = min(len(latent), AGGREGATE_CLIPS)
    # The sequential direction of an autoregressive flow costs by its passes: many pairs in one pass.
    log_density = torch.cat(
        [
            _pair_log_densities(model, posterior, range(start, min(start + PAIRED_CLIPS, count)), latent[:count])
            for start in range(0, count, PAIRED_CLIPS)
        ],
        dim=1,
    )
    log_aggregate = log_density.logsumexp(1) - math.log(count)
    information = float((log_density.diagonal() - log_aggregate).mean())
    return information, kl - information


def _pair_log_densities(model: VAE, posterior: Posterior, clips: range, latent: Tensor) -> Tensor:
    """log q(z_i|x_j) of every latent i and each j of `clips`, `[latents, clips]`."""
    rows = slice(clips.start, clips.stop)
    context = None if posterior.context is None else posterior.context[rows]
    chosen = repeat_posterior(Posterior(posterior.mean[rows], posterior.log_scale[rows], context), len(latent))
    pairs = posterior_log_prob(chosen, model.posterior_flow, latent.repeat(len(clips), 1))
    return pairs.unflatten(0, (len(clips), len(latent))).T


def _kl_per_dimension(model: VAE, posterior: Posterior, generator: torch.Generator) -> Tensor:
    """`[latent_size]` in nats, averaged over clips.

    Exact between Gaussians. With a flow on either side a divergence has no parts that add up, so each clip's draws
    are mapped to the prior's base space and a Gaussian is fitted to them per dimension: an approximation.
    """
    if model.posterior_flow is None and model.prior.flow is None:
        return gaussian_kl(posterior.mean, posterior.log_scale).mean(0)
    repeated = repeat_posterior(posterior, DRAWS)
    base = posterior_transform(repeated, model.posterior_flow, repeated.base_sample(generator))[0]
    if model.prior.flow is not None:
        base = model.prior.flow.to_base(base)[0]
    draws = base.unflatten(0, (-1, DRAWS))
    return gaussian_kl(draws.mean(1), draws.std(1).clamp_min(1e-6).log()).mean(0)


def _reconstruction(model: VAE, latent: Tensor, data: Tensor, distance: Distance) -> float:
    pairs = zip(latent.split(BATCH_SIZE), data.split(BATCH_SIZE), strict=True)
    return float(torch.cat([distance(model.decode(z), x) for z, x in pairs]).mean())
