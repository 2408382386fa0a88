"""Encode a dataset with a trained autoencoder: `python stages/encode.py DATASET AUTOENCODER SEED`.

Writes `latents/DATASET/AUTOENCODER/SEED/`: draws of the posterior of every clip, which all priors are fitted to and
judged by.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.device import prepare_threads
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.base.latents import encode_dataset


def main() -> None:
    """Load the model, draw and write."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "seed")
    name = (chosen.dataset, chosen.autoencoder, str(chosen.seed))
    dataset = read_prepared(PREPARED / chosen.dataset)
    prepare_threads(workers())
    model, _ = load_autoencoder(Path("models").joinpath(*name))
    generator = torch_generator(chosen.seed, "latents", *name[:2])
    with dataset.required_unchanged():
        encode_dataset(model, dataset, generator, Path("latents").joinpath(*name))


if __name__ == "__main__":
    stage(main)
