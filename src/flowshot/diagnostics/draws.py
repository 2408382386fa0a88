"""Draws of the posteriors of some clips, with their densities: what every part of the diagnosis is computed from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.densities.distributions import (
    Posterior,
    gaussian_entropy,
    gaussian_kl,
    posterior_transform,
    repeat_posterior,
    standard_normal_log_prob,
)
from flowshot.models.base.autoencoder import Autoencoder


@dataclass(frozen=True)
class LatentDraws:
    """Several draws of q(z|x) for each clip, as latents and in the prior's base space.

    There the prior is N(0, I), whatever its flow; divergences and mutual information are the same in both spaces,
    because the map between them is invertible. Without a prior flow they are one.

    `latent, base: [clips, draws, size]`. `log_density: [clips, draws]` is the log density of `base` under its clip's
    posterior, in nats; `expected_log_density` has the same mean with less variance, as in `draw_with_kl`.
    """

    latent: Tensor
    base: Tensor
    log_density: Tensor
    expected_log_density: Tensor
    # Mean and variance of each clip's posterior, `[clips, size]` each, where it is a Gaussian in that space.
    latent_moments: tuple[Tensor, Tensor] | None
    base_moments: tuple[Tensor, Tensor] | None

    def cpu(self) -> "LatentDraws":
        """The same where the statistics are computed, whatever device the model is on."""
        latent_moments, base_moments = (
            None if each is None else (each[0].cpu(), each[1].cpu())
            for each in (self.latent_moments, self.base_moments)
        )
        return LatentDraws(
            self.latent.cpu(), self.base.cpu(), self.log_density.cpu(), self.expected_log_density.cpu(),
            latent_moments, base_moments,
        )  # fmt: skip

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)) of each clip in nats, `[clips]`: exact between Gaussians, else the mean over draws."""
        if self.base_moments is not None:
            mean, variance = self.base_moments
            return gaussian_kl(mean, 0.5 * variance.log()).sum(-1)
        return (self.expected_log_density - standard_normal_log_prob(self.base)).mean(1)


def draw_posteriors(model: Autoencoder, posterior: Posterior, draws: int, generator: torch.Generator) -> LatentDraws:
    """`draws` of each posterior of the batch.

    Only the directions in which flows are trained are used, so that autoregressive ones cost one pass: the density of
    a draw follows from the way on which it was made, and no other clip's posterior has to be evaluated at it.
    """
    repeated = repeat_posterior(posterior, draws)
    noise = repeated.base_sample(generator)
    latent, log_det = posterior_transform(repeated, model.posterior_flow, noise)
    base = latent
    if model.prior.flow is not None:
        base, of_prior = model.prior.flow.to_base(latent)
        log_det = log_det + of_prior
    standardised = (noise - repeated.mean) / repeated.log_scale.exp()
    log_density = standard_normal_log_prob(standardised) - repeated.log_scale.sum(-1)
    moments = (posterior.mean, (2 * posterior.log_scale).exp())
    shape = (len(posterior.mean), draws)
    return LatentDraws(
        latent.unflatten(0, shape),
        base.unflatten(0, shape),
        (log_density - log_det).unflatten(0, shape),
        (-gaussian_entropy(repeated.log_scale) - log_det).unflatten(0, shape),
        moments if model.posterior_flow is None else None,
        moments if model.is_gaussian else None,
    )
