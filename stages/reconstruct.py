"""Encode and decode the reference clips: `python stages/reconstruct.py DATASET AUTOENCODER SEED`.

Writes `generated/DATASET/AUTOENCODER/reconstruction/SEED/`, where clip i is the reconstruction of reference clip i:
the ceiling of every arm of this autoencoder, whatever its prior. And `demonstrations/DATASET/AUTOENCODER/SEED/`, what
of it the report lets one hear.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.demonstration import demonstrate, write_demonstration
from flowshot.generation.sampling import reconstruct_clips, write_generated
from flowshot.models.base.storage import load_model
from flowshot.scoring.scores import reference_clips
from flowshot.training.device import prepare_threads


def main() -> None:
    """Load the model, reconstruct, walk and write."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "seed")
    model_name = (chosen.dataset, chosen.autoencoder)
    params = read_params()
    reference = reference_clips(read_prepared(Path("data/prepared") / chosen.dataset))
    prepare_threads(workers())
    model, card = load_model(Path("models").joinpath(*model_name, str(chosen.seed)))
    generator = torch_generator(chosen.seed, "reconstruct", *model_name)
    generated = reconstruct_clips(model, reference.clips, params.sample.batch_size, generator)
    folder = Path("generated").joinpath(*model_name, "reconstruction", str(chosen.seed))
    write_generated(folder, generated, card.sample_rate)
    draws = torch_generator(chosen.seed, "demonstrate", *model_name)
    shown = demonstrate(model, reference.clips, generated.clips, reference.groups, draws)
    write_demonstration(Path("demonstrations").joinpath(*model_name, str(chosen.seed)), shown, card.sample_rate)


if __name__ == "__main__":
    stage(main)
