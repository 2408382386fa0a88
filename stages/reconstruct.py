"""Encode and decode the reference clips: `python stages/reconstruct.py DATASET AUTOENCODER SEED`.

Writes `generated/DATASET/AUTOENCODER/reconstruction/SEED/`, where clip i is the reconstruction of reference clip i:
the ceiling of every arm of this autoencoder, whatever its prior. And `demonstrations/DATASET/AUTOENCODER/SEED/`, which
the report lets its readers hear.
"""

from pathlib import Path

from flowshot.clips.held_out import reference_clips
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.device import prepare_threads
from flowshot.core.params import read_params
from flowshot.core.plan import RECONSTRUCTION
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.demonstration import demonstrate, write_demonstration
from flowshot.generation.generated import write_generated, write_sampling
from flowshot.generation.sampling import reconstruct_clips
from flowshot.models.autoencoders.registry import load_autoencoder


def main() -> None:
    """Load the model, reconstruct, walk and write."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "seed")
    trained = Path(chosen.dataset, chosen.autoencoder, str(chosen.seed))
    arm = Path(chosen.dataset, chosen.autoencoder, RECONSTRUCTION, str(chosen.seed))
    params = read_params()
    config = params.section("sample", SampleConfig)
    reference = reference_clips(read_prepared(PREPARED / chosen.dataset))
    prepare_threads(workers())
    model, card = load_autoencoder(Path("models") / trained)
    generator = torch_generator(chosen.seed, "reconstruct", chosen.dataset, chosen.autoencoder)
    generated = reconstruct_clips(model, reference.clips, config.batch_size, generator)
    write_generated(Path("generated") / arm, generated, card.sample_rate)
    write_sampling(params, arm, config, generated)
    draws = torch_generator(chosen.seed, "demonstrate", chosen.dataset, chosen.autoencoder)
    shown = demonstrate(model, reference.clips, generated.clips, reference.groups, draws)
    write_demonstration(Path("demonstrations") / trained, shown, card.sample_rate)


if __name__ == "__main__":
    stage(main)
