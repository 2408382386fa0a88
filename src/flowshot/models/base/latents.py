"""The latents that priors are fitted to and evaluated on: draws of the posterior of every clip."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import ordered_batches
from flowshot.clips.prepared import SPLITS, PreparedDataset
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, writing
from flowshot.models.base.autoencoder import Autoencoder

BATCH_SIZE = 64
DRAWS = 4  # for each clip: a prior has to cover the posteriors, and not only their means


@torch.no_grad()
def draw_latents(model: Autoencoder, clips: np.ndarray, draws: int, generator: torch.Generator) -> Tensor:
    """`draws` latents of each of `clips: [n, samples]`, `[n, draws, latent_size]`."""
    model.eval()
    return torch.cat([model.encode(batch, generator, draws) for batch in ordered_batches(clips, BATCH_SIZE)])


def encode_dataset(model: Autoencoder, dataset: PreparedDataset, generator: torch.Generator, folder: Path) -> None:
    """Write the latents of every split as `<split>.npy` `[clips, draws, latent_size]`, whole or not at all."""
    with writing(folder), whole_folder(folder) as fresh:
        for split in SPLITS:
            np.save(fresh / f"{split}.npy", draw_latents(model, dataset.clips(split), DRAWS, generator).numpy())


def read_latents(folder: Path, split: str) -> Tensor:
    """The latents of a split, `[clips, draws, latent_size]`. Raises FlowshotError if there are none."""
    try:
        return torch.from_numpy(np.load(folder / f"{split}.npy", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise FlowshotError(f"{folder}: no usable latents ({error}); run `dvc repro` to encode again") from None
