"""Which dimensions of the latent are in use, by several definitions.

E[z|x] and Var[z|x] are those of the latent itself, by Monte Carlo under a posterior flow; divergences of single
dimensions are taken in the prior's base space.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.densities.distributions import gaussian_kl
from flowshot.diagnostics.draws import LatentDraws
from flowshot.models.base.autoencoder import Autoencoder

# Variance of E[z|x] over clips above which a dimension is active (Burda et al. 2015, 1509.00519, section 5.1).
ACTIVE_VARIANCE = 0.01
# The same without a scale: the part of a dimension's whole variance that is its variance over clips. At unit variance,
# where a collapsed dimension is, both thresholds agree.
ACTIVE_SHARE = 0.01
# Of (epsilon, delta) collapse, see `collapse_fraction`.
EPSILON, DELTA = 0.1, 0.05
# A dimension reaches the decoder when its part in the decoder's response is at least this much of the largest one.
HEARD_SHARE = 1e-4
# Clips and random projections from which the response is estimated.
PROBED_CLIPS, PROBES = 16, 2


@dataclass(frozen=True)
class Spread:
    """Of each dimension, `[size]`: variance of E[z|x] over clips, and mean over clips of Var[z|x].

    `active` goes by the first alone, `active_by_share` by its share of both: the same for latents of any scale.
    """

    between: Tensor
    within: Tensor

    @property
    def active(self) -> Tensor:  # noqa: D102
        return self.between > ACTIVE_VARIANCE

    @property
    def active_by_share(self) -> Tensor:  # noqa: D102
        return self.between > ACTIVE_SHARE * (self.between + self.within)


def spread_over_clips(draws: LatentDraws) -> Spread:
    """How latents vary over and within clips.

    Under a posterior flow E[z|x] is the mean of draws, which varies over clips with 1/draws of the posterior's variance
    even where E[z|x] does not. That is taken off: left in, it would make every collapsed dimension look active.
    """
    if draws.latent_moments is not None:
        mean, variance = draws.latent_moments
        return Spread(_variance(mean), variance.mean(0))
    within = draws.latent.var(1).mean(0)
    between = _variance(draws.latent.mean(1)) - within / draws.latent.shape[1]
    return Spread(between.clamp_min(0), within)


def kl_of_dimensions(draws: LatentDraws) -> Tensor:
    """Of each clip and dimension, in nats, `[clips, size]`.

    Exact between Gaussians. With a flow on either side a divergence has no parts that add up, so a Gaussian is fitted
    to each clip's draws in the prior's base space, dimension by dimension: an approximation. That the moments are
    estimated adds 1 over the number of draws, where the posterior is the prior, which is taken off.
    """
    if draws.base_moments is not None:
        mean, variance = draws.base_moments
        return gaussian_kl(mean, 0.5 * variance.log())
    mean, deviation = draws.base.mean(1), draws.base.std(1).clamp_min(1e-6)
    bias = 1 / draws.base.shape[1]
    return (gaussian_kl(mean, deviation.log()) - bias).clamp_min(0)


def collapse_fraction(kl: Tensor) -> float:
    """The fraction of dimensions that are (epsilon, delta)-collapsed, of `kl: [clips, size]` in nats.

    Lucas et al. 2019, "Don't blame the ELBO!" (1911.02469), definition 1: KL(q(z_i|x) || p(z_i)) < epsilon for at
    least 1 - delta of the clips.
    """
    return float(((kl < EPSILON).double().mean(0) >= 1 - DELTA).double().mean())


def heard_dimensions(model: Autoencoder, latent: Tensor, spread: Spread, generator: torch.Generator) -> Tensor:
    """Whether a dimension reaches the decoder's output, `[size]`, at some of `latent: [clips, size]`.

    The response to dimension i is the squared derivative of the decoded clip by it, summed over samples (the trace of
    J_i^T J_i by random signs, Hutchinson 1990), times the variance of the dimension: what its variation adds to the
    clip's, to first order. A dimension that varies but is not heard carries nothing.
    """
    chosen = latent[:PROBED_CLIPS].detach()
    response = torch.zeros(latent.shape[-1])
    with torch.enable_grad():
        point = chosen.clone().requires_grad_()
        decoded = model.decode(point)
        if not decoded.requires_grad:
            return torch.zeros_like(response, dtype=torch.bool)
        for _ in range(PROBES):
            signs = torch.randint(0, 2, decoded.shape, generator=generator, device=decoded.device) * 2.0 - 1
            (gradient,) = torch.autograd.grad((decoded * signs).sum(), point, retain_graph=True, allow_unused=True)
            response += 0.0 if gradient is None else gradient.square().mean(0).cpu()
    response *= (spread.between + spread.within).cpu()
    return response > HEARD_SHARE * response.max()


def _variance(means: Tensor) -> Tensor:
    return means.var(0) if len(means) > 1 else torch.zeros_like(means[0])
