"""Runs in MLflow: one for each training and, nested in it, one for each arm. Nothing else knows MLflow.

A run belongs to a key: what it is (plan, dataset, autoencoder, prior, seed), the parameters it depends on, and
the DVC experiment if there is one. Logging the same key again updates the same run; its numbers are replaced,
so that no curve holds a step twice. Other parameters are another run, because MLflow never changes a parameter.

A store that fails costs one warning on standard error, never the training or the scores: what it was not told is kept
(`unsent.py`), and `flowshot sync` tells it. `python -m flowshot.tracking.mlflow_runs` makes the store.
"""

import functools
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flowshot.core.provenance import flatten
from flowshot.tracking.local_store import Store, change_database, create_database, find_store, move_artifacts
from flowshot.tracking.run_record import RunFacts, RunRecord, gather_facts
from flowshot.tracking.runs import CURVES, Number, RunIdentity, Status, now, read_curves, read_final_metrics
from flowshot.tracking.unsent import forget_unsent, keep_unsent

EXPERIMENT = "flowshot"
KEY = "flowshot.key"  # the tag by which a run is found again
PARENT = "mlflow.parentRunId"
ABOUT = (
    "One run for each training and, nested in it, one for each prior that samples from it and for its reconstructions. "
    "Group by the tags `plan`, `dataset`, `autoencoder` or `prior`; curves of trainings are under `training/`."
)
AUDIO = "audio"  # where a run shows clips
CLIPS = 8  # how many of an arm's clips its run keeps


def prepare_store(store: Store | None = None) -> None:
    """Create the database and the experiment unless they are there."""
    _open(store or find_store())


def ask(store: Store) -> None:
    """Raise whatever MLflow raises where the store does not answer."""
    _client(store).get_experiment_by_name(EXPERIMENT)


def experiment_id(store: Store) -> str:
    """The id of the experiment that holds all runs, which is made where it is missing."""
    return _open(store)[1]


def log_arm(
    arm: RunIdentity,
    *,
    training_parameters: Mapping[str, Any],
    arm_parameters: Mapping[str, Any],
    scores_file: Path,
    model_folder: Path,
    generated_folder: Path,
    prior_folder: Path | None = None,
    store: Store | None = None,
) -> str | None:
    """Log a scored arm: parameters, training curves, final metrics, clips, their spectrograms, and JSON files.

    Returns the id of its run; None where the store failed.

    Args:
        arm: which arm this is.
        training_parameters: what its `TrainingLog` was given; they find the parent run.
        arm_parameters: what the arm depends on besides (prior, sampling, scoring), nested by section.
        scores_file: `scores/.../<seed>.json`.
        model_folder: `models/.../<seed>/`.
        generated_folder: `generated/.../<seed>/`, with clips as FLAC under `listen/`.
        prior_folder: `priors/.../<seed>/`, where the prior was fitted.
        store: where to log; by default what `find_store` finds.
    """
    store = store or find_store()
    try:
        history = model_folder / "history.csv"
        clips = sorted((generated_folder / "listen").glob("*.flac"))[:CLIPS]
        folders = {"model": model_folder, "prior": prior_folder, "generated": generated_folder}
        files = [("scores", scores_file), ("model", history), *((AUDIO, clip) for clip in clips)]
        files += [(name, file) for name, folder in folders.items() if folder for file in sorted(folder.glob("*.json"))]
        record = RunRecord(
            gather_facts(arm, {**training_parameters, **arm_parameters}),
            (*read_curves(history), *read_final_metrics(scores_file)),
            "FINISHED",
            tuple(files),
            gather_facts(arm.training, training_parameters),
        )
    except Exception as error:
        # The scores are written; they are worth more than their copy in MLflow.
        warn(store, error, kept=False)
        return None
    try:
        run_id = send(store, record)
        forget_unsent(store, record.facts)
        return run_id
    except Exception as error:
        warn(store, error, kept=keep(store, record))
        return None


def send(store: Store, record: RunRecord) -> str:
    """Log all of a run, and of an arm its training where that is not logged yet; the id of the run."""
    parent = None
    if record.training:
        curves = [number for number in record.numbers if number.metric.startswith(CURVES)]
        parent = _finished_training(store, record.training, curves)
    run_id = take_run(store, record.facts, parent)
    log_numbers(store, run_id, record.numbers)
    for place, file in record.files:
        _client(store).log_artifact(run_id, str(file), place)
    if clips := [file for place, file in record.files if place == AUDIO]:
        _log_spectrograms(store, run_id, clips)
    finish_run(store, run_id, record.status)
    return run_id


def keep(store: Store, record: RunRecord) -> bool:
    """Keep for `flowshot sync` what the store was not told; whether that was possible."""
    with suppress(OSError):
        keep_unsent(store, record)
        return True
    return False


def warn(store: Store, reason: object, kept: bool = True) -> None:
    """Say on standard error, in one line, that the store failed; what was to be logged goes on."""
    later = "they are kept until it answers: `flowshot sync` sends them" if kept else "no copy could be kept"
    print(f"warning: MLflow at {store.uri} misses numbers of this run: {short(reason)}; {later}", file=sys.stderr)


def short(reason: object) -> str:
    """What an error of MLflow says, in one line."""
    return " ".join(str(reason).split())[:300]


@contextmanager
def _one_at_a_time(store: Store) -> Iterator[None]:
    from filelock import FileLock  # imported here, with MLflow, because training must start without either

    with FileLock(f"{store.root / 'mlflow.db'}.lock"):
        yield


def _client(store: Store) -> Any:
    return _open(store)[0]


@functools.cache
def _open(store: Store) -> tuple[Any, str]:
    """An MLflow client and the id of our experiment, which is made where it is missing."""
    # A server that is gone must not hold a stage up for the 4 minutes that MLflow would go on trying.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow.tracking import MlflowClient  # imported here because it takes two seconds

    if not store.database:
        # Without the lock: behind a server that never answers, everybody would wait for everybody's patience.
        client = MlflowClient(store.uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None and experiment.lifecycle_stage == "active":
            return client, experiment.experiment_id
    # Two processes that create a database or an experiment at once both fail in MLflow.
    with _one_at_a_time(store):
        if store.database and not store.database.exists():
            create_database(store.database, lambda uri: MlflowClient(uri).search_experiments(max_results=1))
        client = MlflowClient(store.uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            # The UI then opens on training runs and their charts instead of traces of language models.
            tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": ABOUT}
            return client, client.create_experiment(EXPERIMENT, artifact_location=store.artifacts, tags=tags)
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        if store.artifacts and experiment.artifact_location != store.artifacts:
            move_artifacts(store, experiment.artifact_location)
        return client, experiment.experiment_id


def _find_run(store: Store, key: str) -> Any | None:
    client, experiment_id = _open(store)
    runs = client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'", max_results=1)
    return runs[0] if runs else None


def take_run(store: Store, facts: RunFacts, parent: str | None = None) -> str:
    """The id of the run of these facts, set to running, with parameters and tags, and without numbers."""
    client, experiment_id = _open(store)
    key, replaced = facts.key, None
    with _one_at_a_time(store):  # or two processes with one key would make a run each
        run = _find_run(store, key)
        if run is not None and run.data.metrics and not store.database:
            # Another store than ours forgets numbers only with their run, which goes to its trash.
            client.delete_run(replaced := run.info.run_id)
            run = None
        run = run or client.create_run(experiment_id, run_name=facts.identity.name, tags={KEY: key})
    run_id = str(run.info.run_id)
    if replaced:
        for nested in client.search_runs([experiment_id], f"tags.`{PARENT}` = '{replaced}'"):
            client.set_tag(nested.info.run_id, PARENT, run_id)
    if store.database:
        values = (run_id,)
        change_database(
            store,
            ("DELETE FROM metrics WHERE run_uuid = ?", values),
            ("DELETE FROM latest_metrics WHERE run_uuid = ?", values),
            ("UPDATE runs SET status = 'RUNNING', start_time = ?, end_time = NULL WHERE run_uuid = ?", (now(), run_id)),
        )
    else:
        client.update_run(run_id, status="RUNNING")
    _log_texts(store, run_id, facts.parameters, {**facts.tags, **({PARENT: parent} if parent else {})})
    _log_dataset(store, run_id, facts)
    return run_id


def finish_run(store: Store, run_id: str, status: Status) -> None:
    """Close a run."""
    _client(store).set_terminated(run_id, status)


def _finished_training(store: Store, training: RunFacts, curves: Sequence[Number]) -> str:
    """The id of the run of a training that has ended; where its log was cut or lost, it is completed."""
    run = _find_run(store, training.key)
    if run is not None and run.info.status == "FINISHED":
        return str(run.info.run_id)
    run_id = take_run(store, training)
    log_numbers(store, run_id, curves)
    finish_run(store, run_id, "FINISHED")
    return run_id


def _log_texts(store: Store, run_id: str, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    from mlflow.entities import Param, RunTag  # imported here because it takes two seconds

    client = _client(store)
    texts = [Param(name, value) for name, value in flatten(parameters).items()]
    for start in range(0, len(texts), 100):  # MLflow takes no more at once
        client.log_batch(run_id, params=texts[start : start + 100])
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _log_dataset(store: Store, run_id: str, facts: RunFacts) -> None:
    """Name the prepared dataset as the input of a run; logging it again changes nothing."""
    from mlflow.entities import Dataset, DatasetInput, InputTag  # imported here because it takes two seconds

    record = facts.dataset
    if record is None:
        return
    dataset = Dataset(
        record.name, record.digest, "local", json.dumps({"uri": record.source}), profile=json.dumps(record.profile)
    )
    context = InputTag("mlflow.data.context", "training" if facts.identity.prior is None else "evaluation")
    _client(store).log_inputs(run_id, [DatasetInput(dataset, [context])])


def log_numbers(store: Store, run_id: str, numbers: Sequence[Number]) -> None:
    """Add numbers to a run."""
    from mlflow.entities import Metric  # imported here because it takes two seconds

    for start in range(0, len(numbers), 1000):  # MLflow takes no more at once
        batch = [Metric(one.metric, one.value, one.milliseconds, one.step) for one in numbers[start : start + 1000]]
        _client(store).log_batch(run_id, metrics=batch)


def _log_spectrograms(store: Store, run_id: str, clips: Sequence[Path]) -> None:
    from flowshot.report.spectrogram import draw_spectrogram_files  # imported here for soundfile and matplotlib

    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "spectrograms.png"
        draw_spectrogram_files(picture, clips)
        _client(store).log_artifact(run_id, str(picture))


if __name__ == "__main__":
    prepare_store()
