"""Clips of an autoencoder: decoded draws of a prior, and reconstructions."""

import time
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class SteeredSampler(LatentSampler, Protocol):
    """One that can be asked for attributes, such as the prior `platune`."""

    attribute_names: tuple[str, ...]

    def draw_attributes(
        self, count: int, generator: torch.Generator, asked: Mapping[str, float] | None = None
    ) -> Tensor:
        """Attributes of `count` clips, `[count, attributes]` in [0, 1]: what is `asked` by name, and likely others."""

    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        """Latents `[count, latent_size]` with the attributes `asked: [count, attributes]`."""


@torch.no_grad()
def sample_clips(
    model: Autoencoder, prior: LatentSampler, count: int, batch_size: int, generator: torch.Generator
) -> Generated:
    """Draw `count` latents from `prior` and decode them. The time includes both."""
    start = time.perf_counter()
    asked: Tensor | None = None
    names: tuple[str, ...] = ()
    if isinstance(prior, SteeredSampler):
        asked, names = prior.draw_attributes(count, generator), prior.attribute_names
        latents = prior.sample_asked(asked, generator)
    else:
        latents = prior.sample(count, generator)
    clips = [model.decode(batch, generator).numpy() for batch in latents.split(batch_size)]
    seconds = time.perf_counter() - start
    return Generated(np.concatenate(clips), seconds, None if asked is None else asked.numpy(), names)


@torch.no_grad()
def reconstruct_clips(model: Autoencoder, clips: np.ndarray, batch_size: int, generator: torch.Generator) -> Generated:
    """Encode `clips: [n, samples]`, draw one latent each, and decode it."""
    start = time.perf_counter()
    decoded = [
        model.decode(model.encode(batch, generator).squeeze(1), generator).numpy()
        for batch in ordered_batches(clips, batch_size)
    ]
    return Generated(np.concatenate(decoded), time.perf_counter() - start)
