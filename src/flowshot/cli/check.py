"""`flowshot check`: what `dvc repro` cannot see for itself, reported and fixed before it runs."""

import argparse
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

from flowshot.cli.base import Outcome
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, sha256_of_file
from flowshot.core.params import Params, check_section, read_params
from flowshot.core.plan import PlanConfig
from flowshot.core.records import RECORD
from flowshot.generation.config import SampleConfig
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.models.base.kind import WEIGHTS
from flowshot.models.generators.registry import read_generator
from flowshot.preparation.config import DatasetConfig, dataset_config
from flowshot.preparation.preparation import check_folder
from flowshot.priors.registry import PRIORS, prior_config
from flowshot.report.config import ReportConfig
from flowshot.scoring.config import ScoreConfig
from flowshot.sources.config import source_config
from flowshot.sources.inputs import INDEX_FILE, folder_changed
from flowshot.training.job import training_config
from flowshot.training.start import start_folder

RAW, MODELS = Path("data/raw"), Path("models")


def run(arguments: argparse.Namespace) -> Outcome:
    """Check the plan; what was made of a folder or an exported file that changed is removed, so that it is stale."""
    params = read_params()
    check_params(params)
    plan = params.plan
    datasets = {name: dataset_config(params, name) for name in plan.datasets}
    for name, config in datasets.items():
        check_folder(name, config)  # an error before anything is removed or run
    changed = [name for name in plan.datasets if _is_stale(params, name)]
    models = _stale_models(params, datasets)
    for folder in (*(RAW / name for name in changed), *models):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise FlowshotError(f"{folder}: cannot be removed ({error.strerror}); remove it, then run again") from None
    arms = len(plan.datasets) * len(plan.arms) * len(plan.seeds)
    lines = [f"{name}: {datasets[name].path} changed; `dvc repro` will fetch it again" for name in changed]
    lines += [f"{folder}: the exported file changed; `dvc repro` will copy it again" for folder in models]
    lines += (others := _other_starts(params))
    lines.append(f"params.yaml: plan {plan.name}, {arms} {'arm' if arms == 1 else 'arms'}")
    found = {
        "plan": plan.name, "arms": arms, "fetch_again": changed, "take_again": list(map(str, models)),
        "other_start": others,
    }  # fmt: skip
    return Outcome(found, "\n".join(lines))


def check_params(params: Params) -> None:
    """Check every section of params.yaml, also what the plan does not use. Raises FlowshotError."""
    for key, kind in {"sample": SampleConfig, "score": ScoreConfig, "report": ReportConfig}.items():
        params.section(key, kind)
    for section, read_entry in (("autoencoders", read_autoencoder), ("generators", read_generator)):
        for name in params.names(section):
            training_config(params, section, read_entry(params, name))
    for name in params.names("datasets"):
        dataset_config(params, name)
    for name in params.names("fit_prior"):
        prior_config(params, name)
    named = {name: params.named_plan(name) for name in params.names("plans")}
    plans = [check_section(PlanConfig, values, f"{params.path}: plans.{name}") for name, values in named.items()]
    for plan in (params.plan, *plans):
        _check_axes(params, plan)


def _check_axes(params: Params, plan: PlanConfig) -> None:
    """Raise FlowshotError if a plan names what is not defined, or a prior that an autoencoder of it cannot have."""
    axes = {"datasets": "datasets", "autoencoders": "autoencoders", "generators": "generators", "priors": "fit_prior"}
    for axis, section in axes.items():
        for name in getattr(plan, axis):
            params.entry(section, name)
    for autoencoder, prior in itertools.product(plan.autoencoders, plan.priors):
        if (refusal := PRIORS[prior].needs_frames) and not read_autoencoder(params, autoencoder).kind.frames:
            raise FlowshotError(f"{params.path}: plan {plan.name}: {autoencoder}: {refusal}")


def _is_stale(params: Params, name: str) -> bool:
    # Without an index the stage is stale by itself: it never ran, or for another source.
    return (RAW / name / INDEX_FILE).is_file() and folder_changed(source_config(params, name), RAW / name)


def _stale_models(params: Params, datasets: dict[str, DatasetConfig]) -> list[Path]:
    """Folders of models that hold another file than their entry names by now. Checks entries against the clips too."""
    plan, stale = params.plan, []
    entries = [("autoencoders", read_autoencoder(params, name)) for name in plan.autoencoders]
    entries += [("generators", read_generator(params, name)) for name in plan.generators]
    for section, entry in entries:
        for dataset, clips in datasets.items():
            entry.kind.check(f"{section}.{entry.name}", entry.config, clips.clip_samples, clips.sample_rate)
            digests = {name: sha256_of_file(path) for name, path in entry.kind.files(entry.config).items()}
            folders = [MODELS / dataset / entry.name / str(seed) for seed in plan.seeds]
            stale += [folder for folder in folders if digests and _digests_in(folder) not in (None, digests)]
    return stale


def _other_starts(params: Params) -> list[str]:
    """A line for each trained model of the plan whose start model (`train.start_from`) changed since, or is missing.

    Removing it would not help: DVC would bring it back from its cache of runs, whose keys do not hold the start model.
    """
    plan, lines = params.plan, []
    stages: Any = (("autoencoders", "train", read_autoencoder), ("generators", "train_generator", read_generator))
    for section, stage, read_entry in stages:
        for model in getattr(plan, section):
            start = training_config(params, section, read_entry(params, model)).start_from or ""
            for dataset, seed in itertools.product(plan.datasets, plan.seeds) if start else ():
                problem = _other_start(start, Path("runs/train", dataset, model, str(seed), RECORD))
                again = f"run `dvc repro --force --single-item {stage}@{dataset}-{model}-{seed}`, then `dvc repro`"
                lines += [f"{dataset}/{model}/{seed}: {problem}; {again}"] if problem else []
    return lines


def _other_start(start: str, record: Path) -> str:
    """What is wrong with the start model of a training, whose record is `record` where it has run; empty if nothing."""
    try:
        now = sha256_of_file(start_folder(start) / WEIGHTS)
    except FlowshotError:
        return "" if record.is_file() else f"its start model {start} must be trained first"
    learned = read_json(record)["parameters"].get("start") if record.is_file() else now
    return "" if learned == now else f"its start model {start} has changed since it was trained"


def _digests_in(folder: Path) -> dict[str, str] | None:
    """Of the files in the folder of a model; None where there is no model, and its stage runs by itself."""
    try:
        digests: dict[str, str] = json.loads((folder / "config.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digests
