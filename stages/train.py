"""Train one autoencoder: `python stages/train.py DATASET AUTOENCODER SEED`.

Writes `models/DATASET/AUTOENCODER/SEED/`: the best and the last weights, the configuration, the history and the
diagnosis of the latent on the validation clips. With `train.on_collapse: fail` a collapsed latent is an error, after
all of that is written.

While it trains, its state lies in `.flowshot/checkpoints/`, in a folder named by parameters, code and data. A training
that was interrupted, however, goes on from there when the same command runs again; the folder goes when it is done.
A RAVE that was exported elsewhere is not trained but checked, measured and written as the others: 0 steps, 0 seconds.
"""

import csv
import dataclasses
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import scratch_folder, whole_folder, write_json, writing
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, stop_requests, warn, workers
from flowshot.core.provenance import machine, work_digest
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.core.sections import to_dict
from flowshot.diagnostics.latent import Diagnosis, diagnose
from flowshot.models.autoencoders.rave.exported_rave import ExportedRave
from flowshot.models.autoencoders.rave.measure_exported import measure_exported
from flowshot.models.autoencoders.rave.network import RaveAutoencoder
from flowshot.models.autoencoders.rave.training import train_rave
from flowshot.models.autoencoders.vae.loop import HISTORY_COLUMNS, Trained, train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.storage import ModelCard, make_autoencoder, save_model
from flowshot.tracking.runs import RunIdentity
from flowshot.tracking.training_log import TrainingLog
from flowshot.training.checkpoint import Checkpoint
from flowshot.training.config import BudgetConfig, TrainConfig
from flowshot.training.device import choose_device, prepare_threads
from flowshot.training.likelihood import likelihood_of
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.progress import Row, Weights

# Where a training lies while it goes on, and stays where it ends early: its state, and its best weights as a model.
CHECKPOINTS = Path(".flowshot/checkpoints")
# What the history says of the best weights: the reconstruction loss of held-out and of training clips.
GENERALISATION = ("valid_reconstruction", "train_reconstruction_clean", "reconstruction_gap")


def main() -> None:
    """Train, diagnose and write the model."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "seed")
    names = (chosen.dataset, chosen.autoencoder, str(chosen.seed))
    params = read_params()
    config, training = params.autoencoder(chosen.autoencoder), params.training[chosen.autoencoder]
    dataset = read_prepared(Path("data/prepared") / chosen.dataset)
    prepare_threads(training.threads or workers())
    seed_initial_weights(chosen.seed, *names[:2])
    card = ModelCard(config, dataset.name, dataset.sample_rate, dataset.clip_samples)
    model = make_autoencoder(card).to(choose_device())
    identity = RunIdentity(params.plan.name, chosen.dataset, chosen.autoencoder, chosen.seed)
    parameters = params.training_parameters(chosen.dataset, chosen.autoencoder)
    digest = work_digest(parameters | {"seed": chosen.seed}, *dataset.files)
    with (
        scratch_folder(CHECKPOINTS.joinpath(*names, digest[:16])) as scratch,
        stop_requests() as stop_requested,
        TrainingLog(identity, parameters) as log,
    ):
        with dataset.required_unchanged():
            checkpoint = Checkpoint(scratch, stop_requested, say=warn)
            trained = train_with_log(names, model, card, dataset, training, params.plan.budget, log, checkpoint)
            model.load_state_dict(trained.best)
            distance = ReconstructionLoss(training.loss, dataset.sample_rate)
            generator = torch_generator(chosen.seed, "diagnose", *names[:2])
            diagnosis = diagnose(
                model.cpu(), dataset.clips("valid"), lambda a, b: distance(a, b)[0], generator,
                dataset.clips("train"), likelihood_of(training.loss),
            )  # fmt: skip
        log.log({f"diagnosis/{name}": value for name, value in diagnosis.numbers.items()}, trained.best_step)
        settings = {"training": to_dict(training), "budget": to_dict(params.plan.budget)}
        parameter_count = sum(parameter.numel() for parameter in model.parameters())
        write_model(
            Path("models").joinpath(*names), card, trained, diagnosis, {"parameters": parameter_count, **settings}
        )
    said = f"{'/'.join(names)}: {diagnosis.verdict}: KL {diagnosis.kl:.3g} nats; {diagnosis.reason}"
    if diagnosis.verdict == "collapsed" and training.on_collapse == "fail":
        where = Path("models").joinpath(*names)
        raise FlowshotError(f"{said} The model is in {where}; docs/latent-loss.md names cures")
    print(said)


def train_with_log(
    names: tuple[str, str, str],
    model: VAE,
    card: ModelCard,
    dataset: PreparedDataset,
    training: TrainConfig,
    budget: BudgetConfig,
    log: TrainingLog,
    checkpoint: Checkpoint,
) -> Trained:
    """Train `names` (dataset, autoencoder, seed); best weights so far are kept beside the checkpoint, as a model."""
    said: list[str] = []

    def keep(weights: Weights, step: int) -> None:
        try:
            with writing(checkpoint.folder / "best"), whole_folder(checkpoint.folder / "best") as folder:
                save_model(folder, card, weights, weights)
        except FlowshotError as error:
            # As with a checkpoint: a full disk must not end a training that may yet find room for its end.
            if not said:
                warn(f"{error}; training goes on")
            said.append(str(error))

    with progress_bar("/".join(names), budget.steps) as bar:

        def show(row: Row) -> None:
            bar.update(int(row["step"]) - bar.n)
            bar.set_postfix(loss=f"{row['train_loss']:.3g}", kl=f"{row['train_kl']:.3g}")
            log.log(row, int(row["step"]))

        learned, held_out = dataset.clips("train"), dataset.clips("valid")
        generator = torch_generator(int(names[2]), "train", *names[:2])
        if isinstance(model, ExportedRave):
            trained = measure_exported(model, learned, held_out, training, budget.batch_size, say=warn)
            log.log(trained.best_row, trained.best_step)
            return trained
        if isinstance(model, RaveAutoencoder):
            return train_rave(model, learned, held_out, training, budget, generator, show, checkpoint)
        return train(
            model, learned, held_out, dataset.sample_rate, training, budget, generator, show, keep, checkpoint
        )  # fmt: skip


def write_model(
    folder: Path, card: ModelCard, trained: Trained, diagnosis: Diagnosis, settings: dict[str, Any]
) -> None:
    """Write what the stage promises, whole or not at all."""
    with writing(folder), whole_folder(folder) as fresh:
        save_model(fresh, card, trained.best, trained.last)
        write_history(fresh / "history.csv", trained.history)
        last_step = int(trained.history[-1]["step"])
        measured = {
            "train_seconds": trained.seconds,
            "machine": f"{machine()}, {choose_device().type}",
            "steps": last_step,
            "stopped_early": 0 < last_step < settings["budget"]["steps"],
            "best_step": trained.best_step,
            **{name: trained.best_row[name] for name in GENERALISATION},
            **settings,
        }
        write_json(fresh / "diagnostics.json", dataclasses.asdict(diagnosis) | measured)


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
