"""Train one autoencoder: `python stages/train.py DATASET AUTOENCODER SEED`.

Writes `models/DATASET/AUTOENCODER/SEED/`: the best and the last weights, the configuration, the history and the
diagnosis of the latent on the validation clips. With `train.on_collapse: fail` a collapsed latent is an error, after
all of that is written.
"""

import csv
import dataclasses
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from flowshot.config.sections import to_dict
from flowshot.datasets.prepared import read_prepared
from flowshot.diagnostics.latent import diagnose
from flowshot.errors import FlowshotError
from flowshot.files import whole_folder, write_json
from flowshot.models.storage import ModelCard, save_model
from flowshot.models.vae import VAE
from flowshot.params import read_params
from flowshot.provenance import machine
from flowshot.randomness import seed_initial_weights, torch_generator
from flowshot.runs import RunIdentity
from flowshot.stage import arguments, stage, workers
from flowshot.training.device import choose_device, prepare_threads
from flowshot.training.likelihood import likelihood_of
from flowshot.training.loop import HISTORY_COLUMNS, Weights, train
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.validation import Row
from flowshot.training_log import TrainingLog

# Where the best weights so far are kept while training goes on, and stay where it fails.
CHECKPOINTS = Path(".flowshot/checkpoints")
# What the history says of the best weights: the reconstruction loss of held-out and of training clips.
GENERALISATION = ("valid_reconstruction", "train_reconstruction_clean", "reconstruction_gap")


def main() -> None:
    """Train, diagnose and write the model."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "seed")
    names = (chosen.dataset, chosen.autoencoder, str(chosen.seed))
    params = read_params()
    config, training = params.autoencoder(chosen.autoencoder), params.training[chosen.autoencoder]
    budget = params.plan.budget
    dataset = read_prepared(Path("data/prepared") / chosen.dataset)
    train_clips, valid_clips = dataset.clips("train"), dataset.clips("valid")
    prepare_threads(training.threads or workers())
    seed_initial_weights(chosen.seed, *names[:2])
    model = VAE(config, dataset.clip_samples).to(choose_device())
    card = ModelCard(config, dataset.name, dataset.sample_rate, dataset.clip_samples)
    identity = RunIdentity(params.plan.name, chosen.dataset, chosen.autoencoder, chosen.seed)

    def keep(weights: Weights, step: int) -> None:
        with whole_folder(CHECKPOINTS.joinpath(*names)) as folder:
            save_model(folder, card, weights, weights)

    parameters = params.training_parameters(chosen.dataset, chosen.autoencoder)
    with TrainingLog(identity, parameters) as log, progress_bar("/".join(names), budget.steps) as bar:

        def show(row: Row) -> None:
            bar.update(int(row["step"]) - bar.n)
            bar.set_postfix(loss=f"{row['train_loss']:.3g}", kl=f"{row['train_kl']:.3g}")
            log.log(row, int(row["step"]))

        generator = torch_generator(chosen.seed, "train", *names[:2])
        trained = train(model, train_clips, valid_clips, dataset.sample_rate, training, budget, generator, show, keep)
        model.load_state_dict(trained.best)
        distance = ReconstructionLoss(training.loss, dataset.sample_rate)
        draws = torch_generator(chosen.seed, "diagnose", *names[:2])
        diagnosis = diagnose(
            model.cpu(), valid_clips, lambda a, b: distance(a, b)[0], draws, train_clips, likelihood_of(training.loss)
        )
        log.log({f"diagnosis/{name}": value for name, value in diagnosis.numbers.items()}, trained.best_step)
    with whole_folder(Path("models").joinpath(*names)) as folder:
        save_model(folder, card, trained.best, trained.last)
        write_history(folder / "history.csv", trained.history)
        measured = {
            "train_seconds": trained.seconds,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "machine": f"{machine()}, {choose_device().type}",
            "steps": int(trained.history[-1]["step"]),
            "stopped_early": trained.history[-1]["step"] < budget.steps,
            "best_step": trained.best_step,
            **{name: trained.best_row[name] for name in GENERALISATION},
            "training": to_dict(training),
            "budget": to_dict(budget),
        }
        write_json(folder / "diagnostics.json", dataclasses.asdict(diagnosis) | measured)
    said = f"{'/'.join(names)}: {diagnosis.verdict}: KL {diagnosis.kl:.3g} nats; {diagnosis.reason}"
    if diagnosis.verdict == "collapsed" and training.on_collapse == "fail":
        where = Path("models").joinpath(*names)
        raise FlowshotError(f"{said} The model is in {where}; docs/latent-loss.md names cures")
    print(said)


def progress_bar(name: str, steps: int) -> "tqdm[NoReturn]":
    """Loss, KL and time left; silent where standard error is no terminal."""
    return tqdm(total=steps, desc=name, unit="step", disable=None)


def write_history(path: Path, history: list[Row]) -> None:
    """One row a logged step; columns that a row lacks stay empty."""
    terms = sorted({name for row in history for name in row} - set(HISTORY_COLUMNS))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*HISTORY_COLUMNS, *terms])
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in history)


if __name__ == "__main__":
    stage(main)
