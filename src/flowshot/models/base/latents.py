"""The latents that priors are fitted to and judged by: draws of the posterior for every clip of a split."""

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import ordered_batches
from flowshot.models.base.autoencoder import Autoencoder

BATCH_SIZE = 64


@torch.no_grad()
def draw_latents(model: Autoencoder, clips: np.ndarray, draws: int, generator: torch.Generator) -> Tensor:
    """`draws` latents of each of `clips: [n, samples]`, `[n, draws, latent_size]`.

    Several draws, because a prior has to cover the posteriors and not only their means.
    """
    model.eval()
    return torch.cat([model.encode(batch, generator, draws) for batch in ordered_batches(clips, BATCH_SIZE)])
