"""A training from an entry of params.yaml to the folder of a trained model, whatever kind of model it is."""

import csv
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from flowshot.clips.prepared import PREPARED, PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import scratch_folder, sha256_of_file, whole_file, whole_folder, write_json, writing
from flowshot.core.params import Params
from flowshot.core.process import prepare_threads, stop_requests, warn, workers
from flowshot.core.provenance import work_digest
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.core.tracked import following, send
from flowshot.models.base.kind import WEIGHTS, ModelCard, ModelEntry, save_model
from flowshot.models.base.model import ClipModel
from flowshot.optimisation.checkpoint import CHECKPOINTS, Checkpoint
from flowshot.optimisation.progress import HISTORY_COLUMNS, Row, Trained, Weights
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob, choose_device, train_function, uses_bfloat16
from flowshot.training.start import load_start, start_folder

Diagnose = Callable[[ClipModel, PreparedDataset, list[Row]], dict[str, Any]]

HISTORY_SECONDS = 10.0  # at least, between two writes of the history that MLflow follows
# What `diagnostics.json` repeats of the best weights: the reconstruction loss of held-out and of training clips.
GENERALISATION = ("valid_reconstruction", "train_reconstruction_clean", "reconstruction_gap")


class ModelName(NamedTuple):
    """Which training of a plan this is."""

    dataset: str
    model: str
    seed: int

    @property
    def parts(self) -> tuple[str, str, str]:
        """The folders of its outputs."""
        return self.dataset, self.model, str(self.seed)


def run_training(
    params: Params, name: ModelName, entry: ModelEntry, training: TrainConfig, diagnose: Diagnose
) -> dict[str, Any]:
    """Train, diagnose, and write `models/DATASET/MODEL/SEED/` and `runs/train/DATASET/MODEL/SEED/`.

    While it runs, its state lies in `.flowshot/checkpoints/`, in a folder named by parameters, code, data, device and
    precision. A training that was interrupted resumes from there when the same command runs again.

    Returns:
        What `diagnostics.json` holds.
    """
    budget = params.plan.budget
    budget = replace(budget, steps=max(1, round(budget.steps * entry.steps_share)))
    dataset = read_prepared(PREPARED / name.dataset)
    entry.kind.check(entry.name, entry.config, dataset.clip_samples, dataset.sample_rate)
    prepare_threads(training.threads or workers())
    seed_initial_weights(name.seed, name.dataset, name.model)
    card = ModelCard(entry.kind_name, entry.config, dataset.name, dataset.sample_rate, dataset.clip_samples, {})
    model = entry.kind.build(card, None).to(choose_device())
    parameters = {
        "kind": entry.kind_name, "model": to_dict(entry.config), "train": to_dict(training), "budget": to_dict(budget),
    }  # fmt: skip
    train_function(entry)  # the digest is of all code that is imported by now
    files = list(dataset.files)
    if training.start_from:
        start = start_folder(training.start_from)
        load_start(start, model, card)
        files.append(start / WEIGHTS)
        parameters["start"] = sha256_of_file(start / WEIGHTS)  # for `flowshot check`: DVC does not know of this model
    device = choose_device()
    decides = {"name": name.parts, "device": device.type, "bfloat16": uses_bfloat16(training, device)}
    key = work_digest(parameters | decides, *files)[:16]
    with scratch_folder(CHECKPOINTS.joinpath(*name.parts, key)) as scratch, stop_requests() as stop_requested:
        record: dict[str, Any] = {
            "stage": "train", "plan": params.plan.name, "dataset": name.dataset, "model": name.model, "prior": None,
            "seed": name.seed, "parameters": parameters,
        }  # fmt: skip
        with suppress(OSError):  # for those who watch; a full disk must not end a training
            write_record(scratch, seconds=None, **record)
        with dataset.required_unchanged(), following(scratch), Watched(scratch, name, budget.steps, entry, card) as bar:
            generator = torch_generator(name.seed, "train", name.dataset, name.model)
            checkpoint = Checkpoint(scratch, stop_requested, say=warn)
            job = TrainingJob(dataset, training, budget, generator, bar.show, bar.keep, checkpoint, warn)
            trained = train_function(entry)(model, job)
            model.load_state_dict(trained.best)
            diagnosis = diagnose(model.cpu(), dataset, trained.history)
        said = diagnosis | facts_of(model, trained)
        folder, runs = (Path(root).joinpath(*name.parts) for root in ("models", "runs/train"))
        with writing(folder), whole_folder(folder) as fresh:
            save_model(fresh, entry.kind, card, trained.best)
            write_history(fresh / "history.csv", trained.history)
            write_json(fresh / "diagnostics.json", said)
        record |= {"device": device.type, "precision": trained.precision}
        write_record(runs, seconds=trained.seconds, **record)
        with whole_file(runs / "times.csv") as fresh:
            lines = [f"{step},{seconds:.3f}\n" for step, seconds in trained.times]
            fresh.write_text("step,seconds\n" + "".join(lines), encoding="utf-8")
    send(runs)
    return said


def facts_of(model: ClipModel, trained: Trained) -> dict[str, Any]:
    """What `diagnostics.json` says of every training."""
    best: Row = next((row for row in trained.history if row["step"] == trained.best_step), {})
    return {
        "steps": int(trained.history[-1]["step"]) if trained.history else 0,
        "best_step": trained.best_step,
        **{column: best[column] for column in GENERALISATION if column in best},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


class Watched:
    """What a person sees of a training: a bar in the terminal, and history and best weights beside the checkpoint."""

    def __init__(self, folder: Path, name: ModelName, steps: int, entry: ModelEntry, card: ModelCard) -> None:
        # Imported here: models must be usable where only torch, numpy and nflows are installed.
        from tqdm import tqdm

        # Silent where standard error is no terminal.
        self.bar = tqdm(total=steps, desc="/".join(name.parts), unit="step", disable=None)
        self.folder, self.kind, self.card = folder, entry.kind, card
        self.rows: list[Row] = []
        self.written = time.monotonic()  # a training that resumes repeats its rows, which are there already
        self.warned = False

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *raised: object) -> None:
        self._write()
        self.bar.close()

    def show(self, row: Row) -> None:
        """Add a row of the history."""
        self.bar.update(int(row["step"]) - self.bar.n)
        self.bar.set_postfix({"loss": f"{row.get('train_loss', 0.0):.3g}", "kl": f"{row.get('train_kl', 0.0):.3g}"})
        self.rows.append(row)
        # The file is written as a whole, so that writing it for each of many rows would take minutes.
        if time.monotonic() - self.written >= HISTORY_SECONDS:
            self._write()

    def keep(self, weights: Weights, step: int) -> None:
        """Write the best weights so far."""
        try:
            with writing(self.folder / "best"), whole_folder(self.folder / "best") as folder:
                save_model(folder, self.kind, self.card, weights)
        except FlowshotError as error:
            # As with a checkpoint: a full disk must not end a training that may yet find room for its end.
            if not self.warned:
                warn(f"{error}; training continues")
            self.warned = True

    def _write(self) -> None:
        with suppress(OSError), whole_file(self.folder / "history.csv") as fresh:
            write_history(fresh, self.rows)
        self.written = time.monotonic()


def write_history(path: Path, history: list[Row]) -> None:
    """One row a logged step; columns that a row lacks stay empty."""
    terms = sorted({column for row in history for column in row} - set(HISTORY_COLUMNS))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*HISTORY_COLUMNS, *terms])
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in history)
