"""Runs in a real MLflow store, made once by four processes at a time."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flowshot.core.errors import FlowshotError
from flowshot.core.provenance import flatten, parameters_digest
from flowshot.tracking.mlflow_runs import CLIPS, Store, find_store, log_arm
from flowshot.tracking.mlflow_runs import mlflow_runs as tracking
from flowshot.tracking.run_record import gather_facts
from flowshot.tracking.runs import RunIdentity
from flowshot.tracking.training_log import TrainingLog

TRAINING = {"autoencoder": {"channels": [8, 16], "prior_flow": "nsf"}, "train": {"beta": 1.0, "path": None}}
ARM = {"fit_prior": {"kind": "nsf"}}
SOURCES = Path(__file__).resolve().parents[1] / "src"


@pytest.fixture(scope="session")
def creators(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[subprocess.CompletedProcess[str]]]:
    """A repository in a folder with an awkward name, whose store four processes wanted to create at once."""
    root = tmp_path_factory.mktemp("store") / "my repo 100% #1 ü"
    root.mkdir()
    (root / "params.yaml").touch()
    command = [sys.executable, "-m", "flowshot.tracking.mlflow_runs"]
    started = [
        subprocess.Popen(
            command, cwd=root, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ended = [(process, *process.communicate(timeout=600)) for process in started]
    return root, [subprocess.CompletedProcess(command, each.returncode, out, err) for each, out, err in ended]


@pytest.fixture
def store(creators: tuple[Path, list[subprocess.CompletedProcess[str]]]) -> Store:
    root, _ = creators
    return Store(root, f"sqlite:///{root / 'mlflow.db'}")


@pytest.fixture(autouse=True)
def _no_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def arm_files(tmp_path: Path) -> dict[str, Path]:
    """The outputs of an arm's stages: 30 logged steps, its scores, and no clips, as pictures take time."""
    model, generated, scores = tmp_path / "model", tmp_path / "generated", tmp_path / "0.json"
    (generated / "listen").mkdir(parents=True)
    model.mkdir()
    write_history(model / "history.csv", [1 / (1 + step) for step in range(30)])
    (model / "config.json").write_text("{}")
    (generated / "seconds.json").write_text("{}")
    write_scores(scores, fad=20.5)
    return {"model_folder": model, "generated_folder": generated, "scores_file": scores}


def write_clips(folder: Path) -> None:
    for i in range(CLIPS + 1):
        tone = 0.5 * np.sin(2 * np.pi * (200 + 100 * i) * np.arange(4000) / 16000)
        soundfile.write(folder / f"{i:02}.flac", tone, 16000)


def write_history(path: Path, losses: list[float]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss", "valid_loss"])
        writer.writerows([step * 10, loss, loss if step % 10 == 0 else ""] for step, loss in enumerate(losses))


def write_scores(path: Path, fad: float) -> None:
    limits = {"ci_low": None, "ci_high": None, "n": 50}
    rows = [("fad", "yamnet", fad), ("mrstft", "none", 1.25)]
    path.write_text(json.dumps([{"metric": m, "embedding": e, "value": v, **limits} for m, e, v in rows]))


def log(arm: RunIdentity, files: dict[str, Path], store: Store, **changes: object) -> str | None:
    return log_arm(arm, **{"training_parameters": TRAINING, "arm_parameters": ARM, **files, "store": store, **changes})


def runs(store: Store, dataset: str) -> dict[str, object]:
    """The runs of one dataset by name; each test has a dataset of its own."""
    client, experiment = tracking._open(store)
    found = client.search_runs([experiment], f"tags.dataset = '{dataset}'")
    names = [run.info.run_name for run in found]
    assert len(set(names)) == len(names), f"twins: {names}"
    return dict(zip(names, found, strict=True))


def history(store: Store, run: object, metric: str) -> list[tuple[int, float]]:
    client, _ = tracking._open(store)
    return sorted((each.step, each.value) for each in client.get_metric_history(run.info.run_id, metric))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}


def test_four_processes_create_one_store_at_once(creators: tuple[Path, list], store: Store) -> None:
    root, ended = creators
    assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * 4
    with sqlite3.connect(root / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM experiments WHERE name = 'flowshot'").fetchone() == (1,)
    assert not (root / "mlruns").exists()


def test_an_arm_is_logged_with_everything_a_reader_compares(store: Store, arm_files: dict[str, Path]) -> None:
    write_clips(arm_files["generated_folder"] / "listen")
    run_id = log(RunIdentity("quick", "whole", "nf_prior", 0, "own"), arm_files, store)
    found = runs(store, "whole")
    assert set(found) == {"whole/nf_prior/seed0", "whole/nf_prior/own/seed0"}
    run = found["whole/nf_prior/own/seed0"]
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert run.data.params == {
        "autoencoder.channels": "[8, 16]",
        "autoencoder.prior_flow": "nsf",
        "train.beta": "1.0",
        "train.path": "null",
        "fit_prior.kind": "nsf",
    }
    assert run.data.metrics["fad_yamnet"] == 20.5
    assert run.data.metrics["mrstft"] == 1.25
    assert history(store, run, "training/loss") == [(step * 10, 1 / (1 + step)) for step in range(30)]
    assert [step for step, _ in history(store, run, "training/valid_loss")] == [0, 100, 200]
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == found["whole/nf_prior/seed0"].info.run_id
    names = ("plan", "dataset", "autoencoder", "prior", "seed")
    assert [tags[name] for name in names] == ["quick", "whole", "nf_prior", "own", "0"]
    assert tags["parameters_digest"] == parameters_digest({**TRAINING, **ARM})
    client, _ = tracking._open(store)
    audio = [file.path for file in client.list_artifacts(run.info.run_id, "audio")]
    assert audio == [f"audio/{i:02}.flac" for i in range(8)]
    files = {file.path for file in client.list_artifacts(run.info.run_id, "model")}
    assert files == {"model/config.json", "model/history.csv"}
    picture = store.root / "mlartifacts" / run.info.run_id / "artifacts" / "spectrograms.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_runs_say_what_they_are_and_name_their_dataset(
    store: Store, arm_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = tmp_path / "data/prepared/described"
    prepared.mkdir(parents=True)
    (prepared / "dataset.json").write_text('{"name": "described", "licence": "CC0", "secret": 1}')
    (prepared / "manifest.csv").write_text("clip,split\n0,train\n")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        log(RunIdentity("quick", "described", "nf_prior", 3, "own"), arm_files, store)
    found = runs(store, "described")
    arm, training = found["described/nf_prior/own/seed3"], found["described/nf_prior/seed3"]
    for run, context, stage in (
        (arm, "evaluation", "score@described-nf_prior-own-3"),
        (training, "training", "train@described-nf_prior-3"),
    ):
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.profile) == ("described", '{"licence": "CC0"}')
        assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", context)]
        assert f"`dvc repro --force --single-item {stage}`" in run.data.tags["mlflow.note.content"]
    assert arm.inputs.dataset_inputs[0].dataset.digest == training.inputs.dataset_inputs[0].dataset.digest


def test_running_again_updates_the_run_and_doubles_no_step(store: Store, arm_files: dict[str, Path]) -> None:
    arm = RunIdentity("quick", "again", "no_nf", 0, "own")
    log(arm, arm_files, store)
    before = {name: run.info.run_id for name, run in runs(store, "again").items()}
    write_history(arm_files["model_folder"] / "history.csv", [2.0] * 20)
    write_scores(arm_files["scores_file"], fad=10.0)
    log(arm, arm_files, store)
    found = runs(store, "again")
    assert {name: run.info.run_id for name, run in found.items()} == before
    run = found[arm.name]
    assert history(store, run, "training/loss") == [(step * 10, 2.0) for step in range(20)]
    assert history(store, run, "fad_yamnet") == [(0, 10.0)]
    assert run.data.metrics["training/loss"] == 2.0
    assert run.data.metrics["fad_yamnet"] == 10.0


def test_other_parameters_are_another_run(store: Store, arm_files: dict[str, Path]) -> None:
    arm = RunIdentity("quick", "changed", "no_nf", 0, "nf")
    log(arm, arm_files, store)
    log(arm, arm_files, store, arm_parameters={"fit_prior": {"kind": "maf"}})
    client, experiment = tracking._open(store)
    found = client.search_runs([experiment], "tags.dataset = 'changed' and tags.prior = 'nf'")
    assert sorted(run.data.params["fit_prior.kind"] for run in found) == ["maf", "nsf"]
    assert len({run.data.tags["mlflow.parentRunId"] for run in found}) == 1


def test_a_dvc_experiment_has_runs_of_its_own(
    store: Store, arm_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = RunIdentity("quick", "experiment", "no_nf", 0, "own")
    log(arm, arm_files, store)
    monkeypatch.setenv("DVC_EXP_NAME", "bold-idea")
    monkeypatch.setenv("DVC_STAGE", "score@experiment")
    log(arm, arm_files, store)
    client, experiment = tracking._open(store)
    found = client.search_runs([experiment], "tags.dataset = 'experiment' and tags.prior = 'own'")
    assert sorted(run.data.tags.get("dvc_experiment", "") for run in found) == ["", "bold-idea"]
    assert {run.data.tags.get("stage") for run in found} == {None, "score@experiment"}


def test_names_with_quotes_are_found_again(store: Store, arm_files: dict[str, Path]) -> None:
    arm = RunIdentity("quick", "quotes", "l'`auto\"encoder", 0, "own")
    log(arm, arm_files, store)
    log(arm, arm_files, store)
    assert set(runs(store, "quotes")) == {arm.name, arm.training.name}


def test_a_training_is_logged_while_it_goes_on(store: Store) -> None:
    training = RunIdentity("quick", "live", "no_nf", 0)
    with TrainingLog(training, TRAINING, store, every_seconds=0.05) as live:
        live.log({"loss": 3.0, "valid_loss": None}, 10)
        deadline = time.monotonic() + 20
        while not (found := runs(store, "live")) or not found[training.name].data.metrics:
            assert time.monotonic() < deadline, "nothing arrived while the training ran"
            time.sleep(0.05)
        assert found[training.name].info.status == "RUNNING"
        live.log({"loss": 2.0, "valid_loss": 2.5}, 20)
    run = runs(store, "live")[training.name]
    assert run.info.status == "FINISHED"
    assert history(store, run, "training/loss") == [(10, 3.0), (20, 2.0)]
    assert history(store, run, "training/valid_loss") == [(20, 2.5)]


@pytest.mark.parametrize(("raised", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_training_that_breaks_off_closes_its_run(store: Store, raised: type[BaseException], status: str) -> None:
    training = RunIdentity("quick", f"broken {status}", "no_nf", 0)
    with pytest.raises(raised), TrainingLog(training, TRAINING, store) as live:
        live.log({"loss": 3.0}, 10)
        raise raised
    run = runs(store, training.dataset)[training.name]
    assert run.info.status == status
    assert history(store, run, "training/loss") == [(10, 3.0)]


def test_a_run_left_running_by_a_killed_process_is_taken_over(store: Store) -> None:
    code = """
import sys, time
from pathlib import Path
from flowshot.tracking.runs import RunIdentity
from flowshot.tracking.mlflow_runs import Store
from flowshot.tracking.training_log import TrainingLog
store = Store(Path(sys.argv[1]), sys.argv[2])
log = TrainingLog(RunIdentity("quick", "killed", "no_nf", 0), {"beta": 1.0}, store, every_seconds=0.05)
for step in range(3):
    log.log({"loss": 1.0 + step}, step)
while log._sent < 3:
    time.sleep(0.05)
print("logged", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code, str(store.root), store.uri]
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "logged\n"
        process.send_signal(signal.SIGKILL)
    training = RunIdentity("quick", "killed", "no_nf", 0)
    left = runs(store, "killed")[training.name]
    assert left.info.status == "RUNNING"
    with TrainingLog(training, {"beta": 1.0}, store) as live:
        live.log({"loss": 9.0}, 0)
    run = runs(store, "killed")[training.name]
    assert (run.info.run_id, run.info.status) == (left.info.run_id, "FINISHED")
    assert history(store, run, "training/loss") == [(0, 9.0)]


def test_scoring_completes_the_curves_of_a_training_whose_log_was_cut(store: Store, arm_files: dict[str, Path]) -> None:
    arm = RunIdentity("quick", "cut", "no_nf", 0, "own")
    run_id = tracking.take_run(store, gather_facts(arm.training, TRAINING))
    log(arm, arm_files, store)
    run = runs(store, "cut")[arm.training.name]
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert len(history(store, run, "training/loss")) == 30


def test_a_store_that_fails_costs_one_warning_and_not_the_training(
    tmp_path: Path, arm_files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")
    broken = Store(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}")
    training = RunIdentity("quick", "broken", "no_nf", 0)
    with TrainingLog(training, TRAINING, broken, every_seconds=0.01) as live:
        for step in range(5):
            live.log({"loss": 1.0}, step)
            time.sleep(0.02)
    assert_one_warning(capsys.readouterr().err)
    log(RunIdentity("quick", "broken", "no_nf", 0, "own"), arm_files, broken)
    assert_one_warning(capsys.readouterr().err)


def assert_one_warning(text: str) -> None:
    lines = [line for line in text.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 1, text
    assert "Traceback" not in text


def test_rows_that_could_not_be_sent_are_sent_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowshot.tracking.mlflow_runs import training_log

    failures = iter([OSError("the server is away")] * 2)

    def sometimes(*arguments: object) -> None:
        if failure := next(failures, None):
            raise failure
        tracking.log_numbers(*arguments)

    monkeypatch.setattr(training_log, "log_numbers", sometimes)
    training = RunIdentity("quick", "later", "no_nf", 0)
    with TrainingLog(training, TRAINING, store, every_seconds=0.02) as live:
        for step in range(5):
            live.log({"loss": float(step)}, step)
            time.sleep(0.05)
    run = runs(store, "later")[training.name]
    assert history(store, run, "training/loss") == [(step, float(step)) for step in range(5)]


def test_a_store_that_is_not_ours_gets_a_fresh_run_instead_of_doubled_steps(
    store: Store, arm_files: dict[str, Path], tmp_path: Path
) -> None:
    theirs = Store(tmp_path, store.uri)  # of another folder: a database that only MLflow itself may change
    assert theirs.database is None
    arm = RunIdentity("quick", "theirs", "no_nf", 0, "own")
    log(arm, arm_files, theirs)
    log(arm, arm_files, theirs)
    run = runs(store, "theirs")[arm.name]
    assert len(history(store, run, "training/loss")) == 30


def test_a_copied_repository_keeps_its_artifacts_and_leaves_the_original_alone(
    store: Store, arm_files: dict[str, Path], tmp_path: Path
) -> None:
    arm = RunIdentity("quick", "moved", "no_nf", 0, "own")
    log(arm, arm_files, store)
    root = tmp_path / "copy"
    shutil.copytree(store.root, root)
    copy = Store(root, f"sqlite:///{root / 'mlflow.db'}")
    original = sorted((store.root / "mlartifacts").rglob("*"))
    log(RunIdentity("quick", "moved", "no_nf", 1, "own"), arm_files, copy)
    assert sorted((store.root / "mlartifacts").rglob("*")) == original
    found = runs(copy, "moved")
    assert len(found) == 4
    assert {run.info.artifact_uri for run in found.values()} == {
        f"{copy.artifacts}/{run.info.run_id}/artifacts" for run in found.values()
    }


def test_the_store_lies_in_the_real_repository_also_for_queued_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").touch()
    below = tmp_path / ".dvc" / "tmp" / "exps" / "abc"
    below.mkdir(parents=True)
    (below / "params.yaml").touch()
    monkeypatch.chdir(below)
    assert find_store().root == below
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert find_store() == Store(tmp_path, f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert find_store().uri == "http://127.0.0.1:5000"
    assert find_store().database is None


def test_a_folder_that_no_database_uri_can_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "what?"))
    with pytest.raises(FlowshotError, match="rename it"):
        find_store()


def test_the_key_depends_on_parameters_and_experiment_but_not_on_the_order_of_keys() -> None:
    run = RunIdentity("quick", "synth", "no_nf", 0, "own")
    assert run.key({"a": 1, "b": 2}) == run.key({"b": 2, "a": 1})
    keys = {run.key({"a": 1}), run.key({"a": 2}), run.key({"a": 1}, "x"), run.training.key({"a": 1})}
    assert len(keys) == 4


def test_flat_parameters_keep_text_as_it_is() -> None:
    assert flatten({"a": {"b": "x", "c": {"d": (1, 2)}}, "e": True}) == {"a.b": "x", "a.c.d": "[1, 2]", "e": "true"}


def test_a_process_killed_while_it_makes_the_store_leaves_nothing_in_the_way_of_the_next(tmp_path):
    """MLflow takes seconds to make its tables, one after the other."""
    (tmp_path / "params.yaml").touch()  # anchors the store
    environment = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")}
    command = [sys.executable, "-m", "flowshot.tracking.mlflow_runs"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while not (fresh := tmp_path / "mlflow.db.fresh").exists() or not fresh.stat().st_size:
        assert process.poll() is None
    process.kill()
    process.wait()
    assert not (tmp_path / "mlflow.db").exists()
    store = Store(tmp_path.resolve(), f"sqlite:///{tmp_path.resolve() / 'mlflow.db'}")
    tracking.prepare_store(store)
    assert store.database.exists()
    assert not fresh.exists()
