"""Train one generator: `python stages/train_generator.py DATASET GENERATOR SEED`.

Writes `models/DATASET/GENERATOR/SEED/`, as the training of an autoencoder does; there is no latent to diagnose.
"""

from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.models.generators.registry import read_generator
from flowshot.training.job import training_config
from flowshot.training.run import ModelName, run_training


def main() -> None:
    """Train and write the model."""
    chosen = arguments(__doc__, "dataset", "generator", "seed")
    name = ModelName(chosen.dataset, chosen.generator, chosen.seed)
    params = read_params()
    entry = read_generator(params, chosen.generator)
    training = training_config(params, "generators", entry)
    found = run_training(params, name, entry, training, lambda model, dataset: {})
    print(f"{'/'.join(name.parts)}: trained for {found['steps']} steps, {found['parameters']} parameters")


if __name__ == "__main__":
    stage(main)
