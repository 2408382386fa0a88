"""Encode and decode the reference clips: `python stages/reconstruct.py DATASET AUTOENCODER SEED`.

Writes `generated/DATASET/AUTOENCODER/reconstruction/SEED/`, where clip i is the reconstruction of reference clip i:
the ceiling of every arm of this autoencoder, whatever its prior. And `demonstrations/DATASET/AUTOENCODER/SEED/`, which
the report lets its readers hear.
"""

from pathlib import Path

from flowshot.clips.held_out import reference_clips
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.params import read_params
from flowshot.core.plan import RECONSTRUCTION
from flowshot.core.process import prepare_threads, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import write_generated
from flowshot.generation.interpolation import write_demonstration
from flowshot.generation.sampling import reconstruct_clips
from flowshot.models.autoencoders.registry import load_autoencoder


def main(dataset: str, autoencoder: str, seed: int) -> None:
    """Load the model, reconstruct, walk and write."""
    trained = Path(dataset, autoencoder, str(seed))
    params = read_params()
    config = params.section("sample", SampleConfig)
    reference = reference_clips(read_prepared(PREPARED / dataset))
    prepare_threads(workers())
    model, card = load_autoencoder(Path("models") / trained)
    generator = torch_generator(seed, "reconstruct", dataset, autoencoder)
    generated = reconstruct_clips(model, reference.clips, config.batch_size, generator)
    arm = Path(dataset, autoencoder, RECONSTRUCTION, str(seed))
    write_generated(arm, generated, card.sample_rate, params.plan.name, config)
    draws = torch_generator(seed, "demonstrate", dataset, autoencoder)
    folder = Path("demonstrations") / trained
    write_demonstration(folder, model, reference, generated.clips, draws, card.sample_rate)


if __name__ == "__main__":
    stage(main, __doc__)
