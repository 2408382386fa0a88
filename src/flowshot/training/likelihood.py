"""An explicit likelihood of the waveform, with which reconstruction and divergence are both in nats.

p(x|z) is a product over samples of Laplace or Gaussian densities around the decoded clip, with one fixed scale. Only
under such a likelihood is the loss with `beta: 1` the negative ELBO, and only then can ELBO and IWAE be given. It
compares phases, which no latent of a noise can hold: for what sounds right, the spectral terms are the better loss.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor

from flowshot.training.config import LossConfig

Kind = Literal["laplace", "gaussian"]


def misfit(estimate: Tensor, target: Tensor, kind: Kind, scale: float) -> Tensor:
    """-log p(x|z) up to a constant, at least 0, in nats: clips `[batch, samples]` -> `[batch]`."""
    error = (estimate - target) / scale
    return error.abs().sum(-1) if kind == "laplace" else 0.5 * error.square().sum(-1)


def log_likelihood(estimate: Tensor, target: Tensor, kind: Kind, scale: float) -> Tensor:
    """log p(x|z) of clips `target` around decoded clips `estimate: [batch, samples]`, in nats, `[batch]`."""
    normaliser = math.log(2 * scale) if kind == "laplace" else 0.5 * math.log(2 * math.pi * scale**2)
    return -misfit(estimate, target, kind, scale) - target.shape[-1] * normaliser


def likelihood_of(config: LossConfig) -> Callable[[Tensor, Tensor], Tensor] | None:
    """`log_likelihood` of decoded clips and clips as `config` sets it, or None where it sets none."""
    if config.likelihood == "none":
        return None
    return partial(log_likelihood, kind=config.likelihood, scale=config.likelihood_scale)
