"""A training from an entry of params.yaml to the folder of a trained model, whatever kind of model it is."""

import csv
import dataclasses
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flowshot.clips.prepared import PREPARED, PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import scratch_folder, whole_file, whole_folder, write_json, writing
from flowshot.core.params import Params
from flowshot.core.plan import BudgetConfig
from flowshot.core.process import prepare_threads, stop_requests, warn, workers
from flowshot.core.provenance import work_digest
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.core.tracked import following, send
from flowshot.models.base.entries import ModelEntry
from flowshot.models.base.generator import Generator
from flowshot.models.base.kind import ModelCard
from flowshot.models.base.storage import save_model
from flowshot.optimisation.checkpoint import CHECKPOINTS, Checkpoint
from flowshot.optimisation.progress import HISTORY_COLUMNS, Row, Trained, Weights
from flowshot.training.config import TrainConfig
from flowshot.training.device import choose_device
from flowshot.training.job import TrainingJob, train_function

if TYPE_CHECKING:
    from tqdm import tqdm

# What the history says of the best weights: the reconstruction loss of held-out and of training clips.
GENERALISATION = ("valid_reconstruction", "train_reconstruction_clean", "reconstruction_gap")

Diagnose = Callable[[Generator, PreparedDataset, list[Row]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class ModelName:
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

    While it runs, its state lies in `.flowshot/checkpoints/`, in a folder named by parameters, code and data. A
    training that was interrupted resumes from there when the same command runs again.

    Returns:
        What `diagnostics.json` holds.
    """
    budget = params.plan.budget
    dataset = read_prepared(PREPARED / name.dataset)
    entry.kind.check(entry.name, entry.config, dataset.clip_samples, dataset.sample_rate)
    prepare_threads(training.threads or workers())
    seed_initial_weights(name.seed, name.dataset, name.model)
    card = ModelCard(entry.kind_name, entry.config, dataset.name, dataset.sample_rate, dataset.clip_samples, {})
    model = entry.kind.build(card, None).to(choose_device())
    settings = {"kind": entry.kind_name, "model": to_dict(entry.config), "train": to_dict(training)}
    parameters = settings | {"budget": to_dict(budget)}
    train_function(entry)  # the digest is of all code that is imported by now
    digest = work_digest(parameters | {"name": name.parts}, *dataset.files)
    with (
        scratch_folder(CHECKPOINTS.joinpath(*name.parts, digest[:16])) as scratch,
        stop_requests() as stop_requested,
    ):
        record: dict[str, Any] = {
            "stage": "train", "plan": params.plan.name, "dataset": name.dataset, "model": name.model, "prior": None,
            "seed": name.seed, "parameters": parameters,
        }  # fmt: skip
        with suppress(OSError):  # for those who watch; a full disk must not end a training
            write_record(scratch, seconds=None, **record)
        with dataset.required_unchanged(), following(scratch):
            checkpoint = Checkpoint(scratch, stop_requested, say=warn)
            trained = _train(name, entry, card, model, dataset, training, budget, checkpoint)
            model.load_state_dict(trained.best)
            diagnosis = diagnose(model.cpu(), dataset, trained.history)
        parameter_count = sum(parameter.numel() for parameter in model.parameters())
        said = diagnosis | _facts(trained, budget) | {"parameters": parameter_count}
        _write_model(Path("models").joinpath(*name.parts), entry, card, trained, said)
        runs = Path("runs/train").joinpath(*name.parts)
        write_record(runs, seconds=trained.seconds, device=choose_device().type, **record)
        with whole_file(runs / "times.csv") as fresh:
            lines = [f"{step},{seconds:.3f}\n" for step, seconds in trained.times]
            fresh.write_text("step,seconds\n" + "".join(lines), encoding="utf-8")
    send(runs)
    return said


def _train(
    name: ModelName,
    entry: ModelEntry,
    card: ModelCard,
    model: Generator,
    dataset: PreparedDataset,
    training: TrainConfig,
    budget: BudgetConfig,
    checkpoint: Checkpoint,
) -> Trained:
    """Train; the history and the best weights so far are kept beside the checkpoint, for whoever watches."""
    said: list[str] = []
    rows: list[Row] = []

    def keep(weights: Weights, step: int) -> None:
        try:
            with writing(checkpoint.folder / "best"), whole_folder(checkpoint.folder / "best") as folder:
                save_model(folder, entry.kind, card, weights)
        except FlowshotError as error:
            # As with a checkpoint: a full disk must not end a training that may yet find room for its end.
            if not said:
                warn(f"{error}; training goes on")
            said.append(str(error))

    with progress_bar("/".join(name.parts), budget.steps) as bar:

        def show(row: Row) -> None:
            bar.update(int(row["step"]) - bar.n)
            bar.set_postfix({"loss": f"{row.get('train_loss', 0.0):.3g}", "kl": f"{row.get('train_kl', 0.0):.3g}"})
            rows.append(row)
            with suppress(OSError), whole_file(checkpoint.folder / "history.csv") as fresh:
                write_history(fresh, rows)

        generator = torch_generator(name.seed, "train", name.dataset, name.model)
        job = TrainingJob(dataset, training, budget, generator, show, keep, checkpoint, warn)
        return train_function(entry)(model, job)


def _facts(trained: Trained, budget: BudgetConfig) -> dict[str, Any]:
    """What is worth knowing of a training and is the same whenever it is repeated."""
    last_step = int(trained.history[-1]["step"]) if trained.history else 0
    best: Row = next((row for row in trained.history if row["step"] == trained.best_step), {})
    return {
        "steps": last_step,
        "stopped_early": 0 < last_step < budget.steps,
        "best_step": trained.best_step,
        **{column: best[column] for column in GENERALISATION if column in best},
    }


def _write_model(
    folder: Path, entry: ModelEntry, card: ModelCard, trained: Trained, diagnostics: dict[str, Any]
) -> None:
    with writing(folder), whole_folder(folder) as fresh:
        save_model(fresh, entry.kind, card, trained.best, trained.last)
        write_history(fresh / "history.csv", trained.history)
        write_json(fresh / "diagnostics.json", diagnostics)


def progress_bar(name: str, steps: int) -> "tqdm[NoReturn]":
    """Loss, KL and time left; silent where standard error is no terminal."""
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from tqdm import tqdm

    return tqdm(total=steps, desc=name, unit="step", disable=None)


def write_history(path: Path, history: list[Row]) -> None:
    """One row a logged step; columns that a row lacks stay empty."""
    terms = sorted({column for row in history for column in row} - set(HISTORY_COLUMNS))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*HISTORY_COLUMNS, *terms])
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in history)
