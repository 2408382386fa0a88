"""Draw clips from one arm: `python stages/sample.py DATASET AUTOENCODER PRIOR SEED`.

Writes `generated/DATASET/AUTOENCODER/PRIOR/SEED/`: `sample.clips` clips, or as many as the plan names.
"""

from pathlib import Path

from flowshot.core.params import read_params
from flowshot.core.process import prepare_threads, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import write_generated
from flowshot.generation.sampling import sample_clips
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.priors.registry import load_prior


def main(dataset: str, autoencoder: str, prior: str, seed: int) -> None:
    """Load the arm, sample and write."""
    arm = Path(dataset, autoencoder, prior, str(seed))
    params = read_params()
    config = params.section("sample", SampleConfig)
    count = config.clips_of_arm(params.plan)
    prepare_threads(workers())
    model, card = load_autoencoder(Path("models", dataset, autoencoder, str(seed)))
    fitted = load_prior(Path("priors") / arm, prior, params, model)
    generator = torch_generator(seed, "sample", dataset, autoencoder, prior)
    generated = sample_clips(model, fitted, count, config.batch_size, generator)
    write_generated(arm, generated, card.sample_rate, params.plan.name, config)


if __name__ == "__main__":
    stage(main, __doc__)
