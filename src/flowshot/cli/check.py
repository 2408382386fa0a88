"""`flowshot check`: what `dvc repro` cannot see for itself, said and mended before it runs."""

import argparse
import json
import shutil
from pathlib import Path

from flowshot.cli.base import Commands, Outcome, add_command
from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.core.params import Params, read_params
from flowshot.models.autoencoders.rave.config import check_rave
from flowshot.models.autoencoders.rave.exported_file import check_exported, exported_path
from flowshot.preparation.config import dataset_config
from flowshot.sources.config import SourceConfig, source_config
from flowshot.sources.inputs import INDEX_FILE, folder_changed, list_files, user_folder

RAW, MODELS = Path("data/raw"), Path("models")


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Check params.yaml, and have folders of yours that changed fetched again by the next `dvc repro`."
    add_command(commands, "check", description, ("flowshot check && dvc repro",), run)


def run(arguments: argparse.Namespace) -> Outcome:
    """Check the plan; what was made of a folder or an exported file that changed is removed, so that it is stale."""
    params = read_params()
    plan = params.plan
    for autoencoder in plan.autoencoders:
        _check_package(params, autoencoder)
    changed = [name for name in plan.datasets if _is_stale(name, source_config(params, name))]
    for name in changed:
        _remove(RAW / name)
    arms = len(plan.datasets) * len(plan.autoencoders) * len(plan.priors) * len(plan.seeds)
    models = _stale_models(params)
    for folder in models:
        _remove(folder)
    lines = [f"{name}: {source_config(params, name).path} changed; `dvc repro` will fetch it again" for name in changed]
    lines += [f"{folder}: the exported file changed; `dvc repro` will take it again" for folder in models]
    lines.append(f"params.yaml: plan {plan.name}, {arms} {'arm' if arms == 1 else 'arms'}")
    found = {"plan": plan.name, "arms": arms, "fetch_again": changed, "take_again": list(map(str, models))}
    return Outcome(found, "\n".join(lines))


def _check_package(params: Params, autoencoder: str) -> None:
    """Before hours may go into the stages in front of `train`."""
    config = params.autoencoder(autoencoder).rave
    if config is None:
        return
    for dataset in params.plan.datasets:
        clips = dataset_config(params, dataset)
        if config.exported is None:
            check_rave(config, autoencoder, round(clips.sample_rate * clips.clip_seconds))
        else:
            check_exported(config, clips.sample_rate)


def _is_stale(name: str, config: SourceConfig) -> bool:
    if config.source != "folder":
        return False
    # A folder that is missing or empty is an error before anything is removed or run.
    folder = user_folder(name, config.path)
    if not list_files(folder):
        raise FlowshotError(f"{folder}: holds no files; put audio there, or name another folder in datasets.{name}")
    # Without an index the stage is stale by itself: it never ran, or for another source.
    return (RAW / name / INDEX_FILE).is_file() and folder_changed(name, config, RAW / name)


def _stale_models(params: Params) -> list[Path]:
    """Folders of models that hold another file than the one which their autoencoder names by now."""
    stale = []
    for name in params.plan.autoencoders:
        config = params.autoencoder(name).rave
        if config is None or config.exported is None:
            continue
        digest = sha256_of_file(exported_path(config))
        folders = [
            MODELS / dataset / name / str(seed) for dataset in params.plan.datasets for seed in params.plan.seeds
        ]
        stale += [folder for folder in folders if _digest_in(folder) not in (None, digest)]
    return stale


def _digest_in(folder: Path) -> str | None:
    """Of the exported file in the folder of a model; None where it holds none, and its stage runs by itself."""
    try:
        digest: str | None = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("exported_sha256")
    except (OSError, ValueError, AttributeError):
        return None
    return digest


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise FlowshotError(f"{folder}: cannot be removed ({error.strerror}); remove it, then run again") from None
