"""Train one generator: `python stages/train_generator.py DATASET GENERATOR SEED`.

Writes `models/DATASET/GENERATOR/SEED/`, as the training of an autoencoder does; there is no latent to diagnose.
"""

from flowshot.core.params import read_params
from flowshot.core.process import stage
from flowshot.models.generators.registry import read_generator
from flowshot.training.job import training_config
from flowshot.training.run import ModelName, run_training


def main(dataset: str, generator: str, seed: int) -> None:
    """Train and write the model."""
    name = ModelName(dataset, generator, seed)
    params = read_params()
    entry = read_generator(params, generator)
    training = training_config(params, "generators", entry)
    found = run_training(params, name, entry, training, lambda model, dataset, history: {})
    print(f"{'/'.join(name.parts)}: trained for {found['steps']} steps, {found['parameters']} parameters")


if __name__ == "__main__":
    stage(main, __doc__)
