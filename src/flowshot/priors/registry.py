"""The priors by name. A new one is a file of its own, a line here, a section of `fit_prior`, and a test."""

import math
from collections.abc import Callable

from flowshot.core.errors import FlowshotError
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.base import LatentPrior
from flowshot.priors.config import PriorsConfig
from flowshot.priors.gmm import GaussianMixturePrior
from flowshot.priors.nf import FlowPrior
from flowshot.priors.own import OwnPrior
from flowshot.priors.rave import RavePrior
from flowshot.priors.rectified_flow import RectifiedFlowPrior

PRIORS: dict[str, Callable[[PriorsConfig, Autoencoder], LatentPrior]] = {
    "own": lambda config, model: OwnPrior(model.prior),
    "nf": lambda config, model: FlowPrior(config.nf, math.prod(model.latent_shape)),
    "gmm": lambda config, model: GaussianMixturePrior(config.gmm, math.prod(model.latent_shape)),
    "rectified_flow": lambda config, model: RectifiedFlowPrior(config.rectified_flow, math.prod(model.latent_shape)),
    "rave": lambda config, model: RavePrior(config.rave, *model.latent_shape),
}


def make_prior(name: str, config: PriorsConfig, model: Autoencoder) -> LatentPrior:
    """The prior called `name` for the latents of `model`, not yet fitted or loaded.

    Raises:
        FlowshotError: there is no such prior.
    """
    if name not in PRIORS:
        raise FlowshotError(f"prior {name!r} is not defined; use one of: {', '.join(PRIORS)}")
    return PRIORS[name](config, model)
