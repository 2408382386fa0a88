"""Encode a dataset with a trained autoencoder: `python stages/encode.py DATASET AUTOENCODER SEED`.

Writes `latents/DATASET/AUTOENCODER/SEED/`: draws of the posterior of every clip, which all priors are fitted to and
judged by.
"""

from pathlib import Path

import numpy as np
import torch

from flowshot.clips.batches import ordered_batches
from flowshot.clips.prepared import PREPARED, SPLITS, read_prepared
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.process import prepare_threads, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.registry import load_autoencoder

BATCH_SIZE = 64
DRAWS = 4  # for each clip: a prior has to cover the posteriors, and not only their means


@torch.no_grad()
def main(dataset: str, autoencoder: str, seed: int) -> None:
    """Load the model, draw and write."""
    name = (dataset, autoencoder, str(seed))
    prepared = read_prepared(PREPARED / dataset)
    prepare_threads(workers())
    model, _ = load_autoencoder(Path("models", *name))
    generator, out = torch_generator(seed, "latents", *name[:2]), Path("latents", *name)
    with prepared.required_unchanged(), writing(out), whole_folder(out) as fresh:
        for split in SPLITS:
            batches = ordered_batches(prepared.clips(split), BATCH_SIZE)
            latents = torch.cat([model.encode(batch, generator, DRAWS) for batch in batches])
            np.save(fresh / f"{split}.npy", latents.numpy())  # [clips, draws, latent_size]
        write_json(fresh / "latents.json", {"latent_shape": list(model.latent_shape), "draws": DRAWS})


if __name__ == "__main__":
    stage(main, __doc__)
