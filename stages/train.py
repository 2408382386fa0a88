"""Train one autoencoder: `python stages/train.py DATASET AUTOENCODER SEED`.

Writes `models/DATASET/AUTOENCODER/SEED/`: the best weights, the configuration, the history, and the diagnosis of the
latent on the validation clips. With `train.on_collapse: fail` a collapsed latent is an error, after
all of that is written. An interrupted training resumes when the same command runs again.
"""

import dataclasses
from typing import Any

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.core.process import stage
from flowshot.core.randomness import torch_generator
from flowshot.diagnostics.disentanglement import disentanglement
from flowshot.diagnostics.latent import diagnose
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.model import ClipModel
from flowshot.optimisation.progress import Row
from flowshot.training.job import training_config
from flowshot.training.likelihood import likelihood_of
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.run import ModelName, run_training


def main(dataset: str, autoencoder: str, seed: int) -> None:
    """Train, diagnose and write the model."""
    name = ModelName(dataset, autoencoder, seed)
    params = read_params()
    entry = read_autoencoder(params, autoencoder)
    training = training_config(params, "autoencoders", entry)

    def diagnosis_of(model: ClipModel, dataset: PreparedDataset, history: list[Row]) -> dict[str, Any]:
        assert isinstance(model, Autoencoder)
        distance = ReconstructionLoss(training.loss, dataset.sample_rate)
        generator = torch_generator(name.seed, "diagnose", name.dataset, name.model)
        losses = [row["train_reconstruction"] for row in history if "train_reconstruction" in row]
        found = diagnose(
            model, dataset.clips("valid"), lambda a, b: distance(a, b)[0], generator, dataset.clips("train"),
            likelihood_of(training.loss), losses,
        )  # fmt: skip
        return dataclasses.asdict(found) | disentanglement(model, dataset, generator)

    found = run_training(params, name, entry, training, diagnosis_of)
    said = f"{'/'.join(name.parts)}: {found['verdict']}: KL {found['kl']:.3g} nats; {found['reason']}"
    if found["verdict"] == "collapsed" and training.on_collapse == "fail":
        raise FlowshotError(
            f"{said} The model is in models/{'/'.join(name.parts)}; docs/latent-loss.md says what to do"
        )
    print(said)


if __name__ == "__main__":
    stage(main, __doc__)
