"""Posterior and prior over the latent vector, and the divergence between them in nats."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowshot.densities.flows import Flow

LOG_TWO_PI = math.log(2 * math.pi)


def standard_normal_log_prob(vectors: Tensor) -> Tensor:
    """log N(v; 0, I) of `vectors: [batch, size]`, in nats, `[batch]`."""
    return -0.5 * (vectors.square() + LOG_TWO_PI).sum(-1)


def gaussian_kl(mean: Tensor, log_scale: Tensor) -> Tensor:
    """KL(N(mean, exp(log_scale)^2) || N(0, I)) for each dimension, in nats, in the shape of `mean`.

    Kingma & Welling 2013, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + (2 * log_scale).exp() - 1) - log_scale


def gaussian_entropy(log_scale: Tensor) -> Tensor:
    """Differential entropy of diagonal Gaussians, in nats: `[batch, size]` -> `[batch]`."""
    return (log_scale + 0.5 * (LOG_TWO_PI + 1)).sum(-1)


@dataclass(frozen=True)
class Posterior:
    """q(z|x) of a batch: a diagonal Gaussian, and for a flow posterior the context its flow is conditioned on.

    `mean, log_scale: [batch, latent_size]`, `context: [batch, context_size]` or None.
    """

    mean: Tensor
    log_scale: Tensor
    context: Tensor | None = None

    def base_sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw of the Gaussian for each clip, `[batch, latent_size]`, differentiable."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + self.log_scale.exp() * noise

    def rows(self, chosen: Tensor) -> "Posterior":
        """The posteriors of the clips `chosen: [n]`, in that order."""
        context = None if self.context is None else self.context[chosen]
        return Posterior(self.mean[chosen], self.log_scale[chosen], context)


def repeat_posterior(posterior: Posterior, times: int) -> Posterior:
    """Each posterior of the batch `times` times in a row: `[batch, size]` -> `[batch * times, size]`."""
    return posterior.rows(torch.arange(len(posterior.mean), device=posterior.mean.device).repeat_interleave(times))


def join_posteriors(posteriors: list[Posterior]) -> Posterior:
    """The posteriors of several batches as one."""
    contexts = [each.context for each in posteriors if each.context is not None]
    return Posterior(
        torch.cat([each.mean for each in posteriors]),
        torch.cat([each.log_scale for each in posteriors]),
        torch.cat(contexts) if contexts else None,
    )


class Prior(nn.Module):
    """p(z): the standard normal, or its image under a flow that is trained jointly with the autoencoder."""

    def __init__(self, latent_size: int, flow: Flow | None = None) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.flow = flow

    def log_prob(self, latent: Tensor) -> Tensor:
        """log p(z) of `latent: [batch, latent_size]`, in nats, `[batch]` (change of variables, 1505.05770)."""
        if self.flow is None:
            return standard_normal_log_prob(latent)
        base, log_det = self.flow.to_base(latent)
        return standard_normal_log_prob(base) + log_det

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` latents, `[count, latent_size]`, on the generator's device."""
        base = torch.randn(count, self.latent_size, generator=generator, device=generator.device)
        return base if self.flow is None else self.flow.to_latent(base)[0]


def draw_with_kl(
    posterior: Posterior, posterior_flow: Flow | None, prior: Prior, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """A latent for each clip and KL(q(z|x) || p(z)) in nats: `[batch, latent_size]` and `[batch]`.

    Where both are Gaussian, the divergence is exact. Otherwise it is estimated from the draw z = f(u):

        log q(z|x) - log p(z) = log N(u; mean, scale) - log |df/du| - log p(z).

    The first term is replaced by its expectation, minus the Gaussian's entropy, which lowers the variance (Rezende &
    Mohamed 2015, arXiv:1505.05770, equation 15).
    """
    base = posterior.base_sample(generator)
    if posterior_flow is None and prior.flow is None:
        return base, gaussian_kl(posterior.mean, posterior.log_scale).sum(-1)
    latent, log_det = posterior_transform(posterior, posterior_flow, base)
    return latent, -gaussian_entropy(posterior.log_scale) - log_det - prior.log_prob(latent)


def posterior_transform(posterior: Posterior, flow: Flow | None, base: Tensor) -> tuple[Tensor, Tensor]:
    """The latent of a draw `base` of the Gaussian, and log |d latent / d base|, `[batch]`."""
    if flow is None:
        return base, torch.zeros_like(base[:, 0])
    return flow.to_latent(base, posterior.context)
