"""Encode a dataset with a trained autoencoder: `python stages/encode.py DATASET AUTOENCODER SEED`.

Writes `latents/DATASET/AUTOENCODER/SEED/`: draws of the posterior of every clip, on which all priors are fitted
and evaluated.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.process import prepare_threads, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.base.latents import encode_dataset


def main(dataset: str, autoencoder: str, seed: int) -> None:
    """Load the model, draw and write."""
    name = (dataset, autoencoder, str(seed))
    prepared = read_prepared(PREPARED / dataset)
    prepare_threads(workers())
    model, _ = load_autoencoder(Path("models", *name))
    with prepared.required_unchanged():
        encode_dataset(model, prepared, torch_generator(seed, "latents", *name[:2]), Path("latents", *name))


if __name__ == "__main__":
    stage(main, __doc__)
