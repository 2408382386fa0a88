"""Clips of an autoencoder: decoded draws of a prior, and reconstructions."""

import time
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import ordered_batches
from flowshot.generation.generated import Generated
from flowshot.models.base.autoencoder import Autoencoder


class LatentSampler(Protocol):
    """What draws latents, such as a prior."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""


@torch.no_grad()
def sample_clips(
    model: Autoencoder, prior: LatentSampler, count: int, batch_size: int, generator: torch.Generator
) -> Generated:
    """Draw `count` latents from `prior` and decode them. The time includes both."""
    start = time.perf_counter()
    latents = prior.sample(count, generator)
    clips = [model.decode(batch, generator).numpy() for batch in latents.split(batch_size)]
    return Generated(np.concatenate(clips), time.perf_counter() - start)


@torch.no_grad()
def reconstruct_clips(model: Autoencoder, clips: np.ndarray, batch_size: int, generator: torch.Generator) -> Generated:
    """Encode `clips: [n, samples]`, draw one latent each, and decode it."""
    start = time.perf_counter()
    decoded = [
        model.decode(model.encode(batch, generator).squeeze(1), generator).numpy()
        for batch in ordered_batches(clips, batch_size)
    ]
    return Generated(np.concatenate(decoded), time.perf_counter() - start)
