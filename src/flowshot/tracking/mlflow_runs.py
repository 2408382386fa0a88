"""Runs in MLflow: one for each training and, nested in it, one for each arm, found again by the tag `flowshot.key`."""

import functools
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file, whole_file
from flowshot.core.provenance import flatten
from flowshot.core.records import alone, record_key, repository
from flowshot.report.spectrogram import draw_spectrogram_files
from flowshot.tracking.run import Run

EXPERIMENT, PARENT = "flowshot", "mlflow.parentRunId"
TABLE = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on runs, not on traces of language models
SETTINGS = {"HTTP_REQUEST_MAX_RETRIES": "1", "HTTP_REQUEST_TIMEOUT": "15", "LOGGING_LEVEL": "ERROR"}
SETTINGS |= {"DISABLE_TELEMETRY": "true", "SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
SETTINGS |= {"ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
# Folders of the project whose files MLflow shows, and where.
SHOWN = {"models": "model", "priors": "prior", "generated": "audio", "scores": "scores"}


def find_store() -> str:
    """The URI of the store: `MLFLOW_TRACKING_URI`, or the database of this repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{repository()}/mlflow.db"


@contextmanager
def one_line(store: str) -> Iterator[None]:
    """Turn any exception of MLflow in the block into a FlowshotError."""
    try:
        yield
    except FlowshotError:
        raise
    except Exception as error:
        raise FlowshotError(f"MLflow at {store}: {str(error)[:300]}") from None


@functools.cache
def open_store(store: str) -> tuple[Any, str]:
    """An MLflow client and the id of the experiment; both store and experiment are made where they are missing.

    MLflow keeps artifacts at absolute paths. So where a repository was moved or copied, the experiment of the old place
    is renamed, and a new one begins, which `flowshot sync --all` fills from the files.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(f"MLFLOW_{name}", value)
    from mlflow.tracking import MlflowClient  # imported here because it takes two seconds

    database, artifacts = repository() / "mlflow.db", None
    with alone():  # two processes that make a database or an experiment at once both fail in MLflow
        if store == f"sqlite:///{database}":
            artifacts = (repository() / "mlartifacts").as_uri()
            if not database.exists():
                with whole_file(database) as fresh:
                    MlflowClient(f"sqlite:///{fresh}").search_experiments(max_results=1)
        client = MlflowClient(store)
        found = client.get_experiment_by_name(EXPERIMENT)
        if found and found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        if found and artifacts and found.artifact_location != artifacts:
            client.rename_experiment(found.experiment_id, f"{EXPERIMENT} of {found.artifact_location}")
            if found := client.get_experiment_by_name(f"{EXPERIMENT} of {artifacts}"):
                client.rename_experiment(found.experiment_id, EXPERIMENT)
        return client, found.experiment_id if found else client.create_experiment(EXPERIMENT, artifacts, TABLE)


class MlflowRun:
    """The run of a key, found or made, for one process at a time: see `alone`.

    MLflow adds to a curve and never changes it: where it holds another number, its run is deleted for a new one.
    """

    def __init__(self, store: str, run: Run, parent: str | None = None) -> None:
        self.client, self.experiment = open_store(store)
        self.run, self.tags = run, run.tags | ({PARENT: parent} if parent else {})
        found = self.client.search_runs([self.experiment], f"tags.`flowshot.key` = '{record_key(run.record)}'")
        self.id: str = found[0].info.run_id if found else ""
        self.ended = [each.info.status for each in found] == ["FINISHED"]
        self._describe()
        names = [name for each in found for name in each.data.metrics]
        held = (one for name in names for one in self.client.get_metric_history(self.id, name))
        self.held = {(one.key, one.step): one.value for one in held}

    def hold(self, numbers: Mapping[tuple[str, int], tuple[float, int]], exactly: bool = False) -> None:
        """Add missing `numbers`; with `exactly`, replace a run that holds others."""
        from mlflow.entities import Metric

        changed = any(self.held.get(key, value) != value for key, (value, _) in numbers.items())
        if changed or (exactly and self.held.keys() - numbers.keys()):
            self._replace()
        missing = {key: number for key, number in numbers.items() if key not in self.held}
        metrics = [Metric(name, value, time, step) for (name, step), (value, time) in missing.items()]
        self.client.log_batch(self.id, metrics)
        self.held |= {key: value for key, (value, _) in missing.items()}

    def _describe(self) -> None:
        """Set tags, parameters and dataset of the run, which is made unless it is there."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

        run, name = self.run, self.run.record["dataset"]
        if not self.id:
            self.id = self.client.create_run(self.experiment, tags=self.tags).info.run_id
        params = [Param(*text) for text in flatten(run.record["parameters"]).items()]
        self.client.log_batch(self.id, params=params, tags=[RunTag(*tag) for tag in self.tags.items()])
        files = {path.name: path for path in run.files}
        if {"dataset.json", "manifest.csv"} <= files.keys():
            source, profile = f'{{"uri": "data/prepared/{name}"}}', files["dataset.json"].read_text("utf-8")
            dataset = Dataset(name, sha256_of_file(files["manifest.csv"])[:12], "local", source, profile=profile)
            context = InputTag("mlflow.data.context", "evaluation" if run.record["prior"] else "training")
            self.client.log_inputs(self.id, [DatasetInput(dataset, [context])])

    def _replace(self) -> None:
        old, self.id, self.held = self.id, "", {}
        self.client.delete_run(old)
        self._describe()
        for nested in self.client.search_runs([self.experiment], f"tags.`{PARENT}` = '{old}'"):
            self.client.set_tag(nested.info.run_id, PARENT, self.id)


def send(store: str, run: Run, again: bool = True) -> str:
    """Send a run to MLflow, and the training of an arm unless it is already complete there; returns the run's id."""
    parent = send(store, run.parent, again=False) if run.parent else None
    with alone(record_key(run.record)), tempfile.TemporaryDirectory() as folder:
        mine = MlflowRun(store, run, parent)
        if again or not mine.ended:
            mine.hold(run.numbers(), exactly=True)
            for path in run.files:
                if place := SHOWN.get(path.relative_to(run.root).parts[0]):
                    mine.client.log_artifact(mine.id, str(path), place)
            if clips := [path for path in run.files if path.suffix == ".flac"]:
                draw_spectrogram_files(Path(folder, "spectrograms.png"), clips)
                mine.client.log_artifacts(mine.id, folder)
            mine.client.set_terminated(mine.id, "FINISHED", run.written)
        return mine.id
