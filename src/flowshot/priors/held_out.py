"""How well a prior describes latents that it was not fitted to."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.priors.base import LatentPrior


def held_out_nats(
    prior: LatentPrior, latents: Tensor, groups: Sequence[str], confidence: float
) -> dict[str, float | int | None]:
    """Mean negative log density in nats a clip, with its interval over independent `groups`, one for each clip.

    `latents: [clips, draws, latent_size]`; the draws of a clip are averaged.

    Raises:
        FlowshotError: a latent has no finite density.
    """
    nats = -prior.log_prob(latents.flatten(0, 1)).unflatten(0, latents.shape[:2]).mean(1).numpy()
    if not np.isfinite(nats).all():
        raise FlowshotError("the prior gives a test latent no finite density; lower fit_prior's learning_rate or width")
    value = float(nats.mean())
    low, high = student_interval(value, mean_standard_error(nats, groups), confidence)
    return {"prior_nats": value, "ci_low": low, "ci_high": high, "n": len(nats), "dimensions": latents.shape[-1]}
