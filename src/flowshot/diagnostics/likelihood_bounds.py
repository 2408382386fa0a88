"""Two lower bounds of log p(x), where the decoder has an explicit likelihood."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from flowshot.clips.batches import evenly_spaced_rows
from flowshot.densities.distributions import Posterior, standard_normal_log_prob
from flowshot.diagnostics.draws import draw_posteriors
from flowshot.models.base.autoencoder import Autoencoder

LogLikelihood = Callable[[Tensor, Tensor], Tensor]

# Of each clip. The bound rises with them (Burda et al. 2015, theorem 1) and so does its cost, one decoding each.
IMPORTANCE_DRAWS = 8
CLIPS = 64
BATCH_SIZE = 64


def likelihood_bounds(
    model: Autoencoder, posterior: Posterior, data: Tensor, log_likelihood: LogLikelihood, generator: torch.Generator
) -> tuple[float, float]:
    """ELBO and IWAE bound in nats, the means over at most `CLIPS` of the clips `data: [clips, samples]`.

    With k draws of q(z|x) and the weights w = p(x|z) p(z) / q(z|x): ELBO = E log w, and IWAE = E log (1/k sum w)
    (Burda et al. 2015, 1509.00519, equation 8). Both are of the same draws, so that IWAE is never below ELBO.

    Args:
        log_likelihood: log p(x|z) in nats of decoded clips and clips `[batch, samples]`, `[batch]`.
    """
    chosen = torch.from_numpy(evenly_spaced_rows(len(data), CLIPS))
    context = None if posterior.context is None else posterior.context[chosen]
    some = Posterior(posterior.mean[chosen], posterior.log_scale[chosen], context)
    draws = draw_posteriors(model, some, IMPORTANCE_DRAWS, generator)
    repeated = data[chosen].repeat_interleave(IMPORTANCE_DRAWS, 0)
    of_clips = torch.cat(
        [
            log_likelihood(model.decode(z), x)
            for z, x in zip(draws.latent.flatten(0, 1).split(BATCH_SIZE), repeated.split(BATCH_SIZE), strict=True)
        ]
    ).unflatten(0, (-1, IMPORTANCE_DRAWS))
    # In base space, where densities of prior and posterior both change by the same determinant.
    log_weights = (of_clips + standard_normal_log_prob(draws.base) - draws.log_density).double()
    iwae = log_weights.logsumexp(1) - math.log(IMPORTANCE_DRAWS)
    return float(log_weights.mean()), float(iwae.mean())
