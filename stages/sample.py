"""Draw clips from one arm: `python stages/sample.py DATASET AUTOENCODER PRIOR SEED`.

Writes `generated/DATASET/AUTOENCODER/PRIOR/SEED/`: as many clips as the reference has.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.sampling import sample_clips, write_generated
from flowshot.models.base.storage import load_model
from flowshot.priors.registry import make_prior
from flowshot.training.device import prepare_threads


def main() -> None:
    """Load the arm, sample and write."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "prior", "seed")
    model_name = (chosen.dataset, chosen.autoencoder)
    arm = Path(*model_name, chosen.prior, str(chosen.seed))
    params = read_params()
    dataset = read_prepared(Path("data/prepared") / chosen.dataset)
    prepare_threads(workers())
    model, card = load_model(Path("models").joinpath(*model_name, str(chosen.seed)))
    prior = make_prior(chosen.prior, params.fit_prior, model)
    prior.load(Path("priors") / arm)
    generator = torch_generator(chosen.seed, "sample", *model_name, chosen.prior)
    generated = sample_clips(model, prior, dataset.reference_size, params.sample.batch_size, generator)
    write_generated(Path("generated") / arm, generated, card.sample_rate)


if __name__ == "__main__":
    stage(main)
