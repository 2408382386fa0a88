"""How tests fit any prior: with attributes, too, where it needs them."""

import torch

from flowshot.clips.attributes import ATTRIBUTES
from flowshot.optimisation.checkpoint import NO_CHECKPOINT
from flowshot.priors.base import fit_prior


def planted(latents, like):
    """Attributes that are the first dimensions of `latents`, around 0.5; `like` says what their unit is."""
    columns = torch.arange(len(ATTRIBUTES)) % latents.shape[1]
    return (0.5 + 0.1 * (latents - like.mean(0)) / like.std(0))[:, columns]


def fit(prior, latents, validation, generator, checkpoint=NO_CHECKPOINT):
    """Fit to latents `[n, size]`."""
    attributes = lambda: (planted(latents, latents), planted(validation, latents))  # noqa: E731
    fit_prior(prior, (latents[:, None], validation[:, None]), attributes, generator, checkpoint)
