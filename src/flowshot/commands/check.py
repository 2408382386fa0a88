"""`flowshot check`: what `dvc repro` cannot see for itself, said and mended before it runs."""

import argparse
import shutil
from pathlib import Path

from flowshot.commands.base import Commands, Outcome, add_command
from flowshot.config.dataset import DatasetConfig
from flowshot.config.rave import check_rave
from flowshot.datasets.inputs import INDEX_FILE, folder_changed, list_files, user_folder
from flowshot.errors import FlowshotError
from flowshot.params import Params, read_params

RAW = Path("data/raw")


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Check params.yaml, and have folders of yours that changed fetched again by the next `dvc repro`."
    add_command(commands, "check", description, ("flowshot check && dvc repro",), run)


def run(arguments: argparse.Namespace) -> Outcome:
    """Check the plan; the index of a folder that changed is removed, so that its `fetch` stage is stale."""
    params = read_params()
    plan = params.plan
    for autoencoder in plan.autoencoders:
        _check_package(params, autoencoder)
    changed = [name for name in plan.datasets if _is_stale(name, params.dataset(name))]
    for name in changed:
        _remove(RAW / name)
    arms = len(plan.datasets) * len(plan.autoencoders) * len(plan.priors) * len(plan.seeds)
    lines = [f"{name}: {params.dataset(name).path} changed; `dvc repro` will fetch it again" for name in changed]
    lines.append(f"params.yaml: plan {plan.name}, {arms} {'arm' if arms == 1 else 'arms'}")
    return Outcome({"plan": plan.name, "arms": arms, "fetch_again": changed}, "\n".join(lines))


def _check_package(params: Params, autoencoder: str) -> None:
    """Before hours may go into the stages in front of `train`."""
    config = params.autoencoder(autoencoder).rave
    if config is None:
        return
    for dataset in params.plan.datasets:
        clips = params.dataset(dataset)
        check_rave(config, autoencoder, round(clips.sample_rate * clips.clip_seconds))


def _is_stale(name: str, config: DatasetConfig) -> bool:
    if config.source != "folder":
        return False
    # A folder that is missing or empty is an error before anything is removed or run.
    folder = user_folder(name, config)
    if not list_files(folder):
        raise FlowshotError(f"{folder}: holds no files; put audio there, or name another folder in datasets.{name}")
    # Without an index the stage is stale by itself: it never ran, or for another source.
    return (RAW / name / INDEX_FILE).is_file() and folder_changed(name, config, RAW / name)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise FlowshotError(f"{folder}: cannot be removed ({error.strerror}); remove it, then run again") from None
