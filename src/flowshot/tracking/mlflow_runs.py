"""Runs in MLflow: one for each training and, nested in it, one for each arm, found again by the tag `flowshot.key`."""

import fcntl
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file, write_json
from flowshot.core.provenance import flatten
from flowshot.core.records import LOGGED, read_record, record_key, repository, unsent_folder
from flowshot.report.spectrogram import draw_spectrogram_files
from flowshot.tracking.run import Numbers, Run, read_run

EXPERIMENT, PARENT = "flowshot", "mlflow.parentRunId"
TABLE = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on runs, not on traces of language models
SETTINGS = {"HTTP_REQUEST_MAX_RETRIES": "1", "HTTP_REQUEST_TIMEOUT": "15", "DISABLE_TELEMETRY": "true"}
SETTINGS |= {"LOGGING_LEVEL": "ERROR", "SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
# The folders whose files a run shows, and under which name.
SHOWN = {"models": "model", "priors": "prior", "generated": "generated", "scores": "scores"}


class Store(NamedTuple):
    """An MLflow tracking URI; of a store of this repository alone, its database and the URI of its artifacts."""

    uri: str
    database: Path | None = None
    artifacts: str | None = None


def find_store() -> Store:
    """The store that `MLFLOW_TRACKING_URI` names, or the database of this repository.

    Raises FlowshotError where the repository's name cannot be part of a URI.
    """
    root = repository()
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return Store(uri)
    if "?" in str(root):
        raise FlowshotError(f"{root}: MLflow keeps no database under a name with `?`; rename it")
    return Store(f"sqlite:///{root / 'mlflow.db'}", root / "mlflow.db", (root / "mlartifacts").as_uri())


@contextmanager
def alone(key: str = "0") -> Iterator[None]:
    """Within the block no other process of this repository is in one with the same key, a hexadecimal number."""
    file, byte = _lock_file(repository() / "mlflow.db.lock"), int(key[:15], 16)
    fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@functools.cache
def _lock_file(path: Path) -> Any:
    return path.open("a")  # and never closed, which would end all locks of the process


@functools.cache
def open_store(store: Store) -> tuple[Any, str]:
    """An MLflow client and the id of the experiment; both store and experiment are made where they are missing.

    MLflow keeps absolute paths of artifacts. In a repository that was moved or copied, the experiment of the old place
    is renamed and a new one begins; `flowshot sync --all` fills it from the files.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(f"MLFLOW_{name}", value)
    from mlflow.tracking import MlflowClient  # imported here because it takes two seconds

    with alone():  # two processes that make a database or an experiment at once both fail in MLflow
        if store.database and not store.database.exists():
            fresh = store.database.with_name("mlflow.db.fresh")
            for left in (fresh, fresh.with_name("mlflow.db.fresh-journal")):  # by a process that was killed here
                left.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{fresh}").search_experiments(max_results=1)
            fresh.replace(store.database)
        client = MlflowClient(store.uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        if found and found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        if found and store.artifacts and found.artifact_location != store.artifacts:
            client.rename_experiment(found.experiment_id, f"{EXPERIMENT} of {found.artifact_location}")
            if found := client.get_experiment_by_name(f"{EXPERIMENT} of {store.artifacts}"):
                client.rename_experiment(found.experiment_id, EXPERIMENT)
        return client, found.experiment_id if found else client.create_experiment(EXPERIMENT, store.artifacts, TABLE)


class MlflowRun:
    """The run of a key, found or made. One process at a time may have it: see `alone`.

    MLflow adds to a curve and never changes it. So what is missing is added; but where MLflow holds another number, its
    run is deleted, and a new one takes the place.
    """

    def __init__(self, store: Store, run: Run, parent: str | None = None) -> None:
        self.client, self.experiment = open_store(store)
        self.run, self.tags = run, run.tags | ({PARENT: parent} if parent else {})
        same = f"tags.`flowshot.key` = '{run.tags['flowshot.key']}'"
        found = self.client.search_runs([self.experiment], same, max_results=1)
        self.id, self.ended = (found[0].info.run_id, found[0].info.status == "FINISHED") if found else ("", False)
        self._describe()
        metrics = found[0].data.metrics if found else ()
        held = [one for name in metrics for one in self.client.get_metric_history(self.id, name)]
        self.held = {(one.key, one.step): one.value for one in held}
        self.doubled = len(held) > len(self.held)

    def hold(self, numbers: Numbers, exactly: bool = False) -> None:
        """Add what is missing of `numbers`; `exactly`: and let the run hold no others."""
        from mlflow.entities import Metric

        changed = any(self.held.get(key, value) != value for key, (value, _) in numbers.items())
        if changed or self.doubled or (exactly and self.held.keys() - numbers.keys()):
            self._replace()
        missing = [Metric(*key[:1], *each, *key[1:]) for key, each in numbers.items() if key not in self.held]
        for start in range(0, len(missing), 1000):  # MLflow takes no more at once
            self.client.log_batch(self.id, metrics=missing[start : start + 1000])
        self.held |= {(one.key, one.step): one.value for one in missing}

    def _describe(self) -> None:
        """Set tags, parameters and dataset of the run, which is made unless it is there."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

        run, name = self.run, self.run.record["dataset"]
        if not self.id:
            self.id = self.client.create_run(self.experiment, tags=self.tags, run_name=run.name).info.run_id
        texts = [Param(name, value) for name, value in flatten(run.record["parameters"]).items()]
        for start in range(0, len(texts), 100):  # MLflow takes no more at once
            self.client.log_batch(self.id, params=texts[start : start + 100])
        self.client.log_batch(self.id, tags=[RunTag(name, value) for name, value in self.tags.items()])
        if (card := run.find("dataset.json")) and (manifest := run.find("manifest.csv")):
            source, profile = json.dumps({"uri": f"data/prepared/{name}"}), card.read_text(encoding="utf-8")
            dataset = Dataset(name, sha256_of_file(manifest)[:12], "local", source, profile=profile)
            context = InputTag("mlflow.data.context", "evaluation" if run.record["prior"] else "training")
            self.client.log_inputs(self.id, [DatasetInput(dataset, [context])])

    def _replace(self) -> None:
        old, self.id, self.held, self.doubled = self.id, "", {}, False
        self.client.delete_run(old)
        self._describe()
        for nested in self.client.search_runs([self.experiment], f"tags.`{PARENT}` = '{old}'"):
            self.client.set_tag(nested.info.run_id, PARENT, self.id)


def send(store: Store, run: Run, again: bool = True) -> str:
    """Make MLflow hold a run, and the training of an arm unless it is there and has ended; the id of the run."""
    parent = send(store, run.parent, again=False) if run.parent else None
    with alone(record_key(run.record)), tempfile.TemporaryDirectory() as folder:
        mine = MlflowRun(store, run, parent)
        if again or not mine.ended:
            mine.hold(run.numbers(), exactly=True)
            clips = [path for path in run.files if path.suffix == ".flac"]
            for path in run.files:
                top = path.relative_to(run.root).parts[0]
                if top in SHOWN:
                    mine.client.log_artifact(mine.id, str(path), "audio" if path in clips else SHOWN[top])
            if clips:
                draw_spectrogram_files(Path(folder, "spectrograms.png"), clips)
                mine.client.log_artifacts(mine.id, folder)
            mine.client.set_terminated(mine.id, "FINISHED", run.written)
        return mine.id


def send_record(store: Store, folder: Path) -> dict[str, str]:
    """Send the run of a record folder, say there in `mlflow.json` where it is, and forget what was kept of it."""
    logged = {"run_id": send(store, read_run(folder)), "tracking_uri": store.uri}
    kept = unsent_folder(read_record(folder))
    write_json(folder / LOGGED, logged)
    shutil.rmtree(kept, ignore_errors=True)
    return logged


@contextmanager
def one_line(store: Store) -> Iterator[None]:
    """Whatever MLflow raises in the block becomes a FlowshotError."""
    try:
        yield
    except FlowshotError:
        raise
    except Exception as error:
        raise FlowshotError(f"MLflow at {store.uri}: {str(error)[:300]}") from None
