"""Draw clips from one arm: `python stages/sample.py DATASET AUTOENCODER PRIOR SEED`.

Writes `generated/DATASET/AUTOENCODER/PRIOR/SEED/`: `sample.clips` clips.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.device import prepare_threads
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import write_generated, write_sampling
from flowshot.generation.sampling import sample_clips
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.priors.registry import make_prior, prior_config


def main() -> None:
    """Load the arm, sample and write."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "prior", "seed")
    arm = Path(chosen.dataset, chosen.autoencoder, chosen.prior, str(chosen.seed))
    params = read_params()
    config = params.section("sample", SampleConfig)
    dataset = read_prepared(PREPARED / chosen.dataset)
    prepare_threads(workers())
    model, card = load_autoencoder(Path("models", chosen.dataset, chosen.autoencoder, str(chosen.seed)))
    prior = make_prior(chosen.prior, prior_config(params, chosen.prior), model)
    prior.load(Path("priors") / arm)
    generator = torch_generator(chosen.seed, "sample", chosen.dataset, chosen.autoencoder, chosen.prior)
    generated = sample_clips(
        model, prior, config.drawn(params.plan.name, dataset.reference_size), config.batch_size, generator
    )
    write_generated(Path("generated") / arm, generated, card.sample_rate)
    write_sampling(params, arm, config, generated)


if __name__ == "__main__":
    stage(main)
