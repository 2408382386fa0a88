"""Runs that a real MLflow server could not be told of: it dies, never answers, and is there again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flowshot.cli.main import main
from flowshot.core.errors import FlowshotError
from flowshot.core.files import one_process_at
from flowshot.tracking.local_store import Store, create_database
from flowshot.tracking.mlflow_runs import mlflow_runs as tracking
from flowshot.tracking.run_record import RunRecord, gather_facts
from flowshot.tracking.runs import Number, RunIdentity
from flowshot.tracking.training_log import TrainingLog
from flowshot.tracking.unsent import UNSENT, find_unsent, keep_unsent

PARAMETERS = {"train": {"beta": 1.0}}


@pytest.fixture(autouse=True)
def _repository(tmp_path, monkeypatch):
    """The current folder is a repository of its own, and MLflow is not patient with a server that is away."""
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    (tmp_path / "params.yaml").touch()
    monkeypatch.chdir(tmp_path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """An MLflow server on this machine, which is started and killed."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        options = ["--backend-store-uri", f"sqlite:///{self.folder}/served.db", "--workers", "1"]
        address = ["--artifacts-destination", f"{self.folder}/served", "--host", "127.0.0.1", "--port", str(self.port)]
        paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options, *address], cwd=self.folder, start_new_session=True,
            env={**os.environ, "PATH": paths}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not self._answers():
            assert self.process.poll() is None
            time.sleep(0.1)

    def kill(self):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            while self._answers():
                time.sleep(0.02)

    def _answers(self):
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=5).status == 200
        except OSError:
            return False


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """MLflow's tables, which take seconds to make, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    create_database(path, lambda uri: MlflowClient(uri).search_experiments(max_results=1))
    return path


@pytest.fixture
def local(tmp_path, empty_database):
    """The store of the repository."""
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return Store(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.fixture
def server(tmp_path, empty_database):
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "served.db")
    started = Server(folder)
    yield started
    started.kill()


@pytest.fixture
def silent_uri():
    """The address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def training(name):
    return RunIdentity("quick", name, "no_nf", 0)


def arm_files(folder):
    """What the stages of an arm write, without clips."""
    (folder / "model").mkdir(parents=True)
    (folder / "generated/listen").mkdir(parents=True)
    (folder / "model/history.csv").write_text("step,loss\n0,3.0\n10,2.0\n")
    (folder / "model/config.json").write_text("{}")
    score = {"metric": "fad", "embedding": "yamnet", "value": 20.5, "ci_low": None, "ci_high": None, "n": 50}
    (folder / "0.json").write_text(json.dumps([score]))
    return {
        "model_folder": folder / "model", "generated_folder": folder / "generated", "scores_file": folder / "0.json"
    }  # fmt: skip


def log_arm(name, store, files):
    identity = RunIdentity("quick", name, "no_nf", 0, "own")
    settings = {"training_parameters": PARAMETERS, "arm_parameters": {"sample": {"batch_size": 4}}}
    return tracking.log_arm(identity, **settings, **files, store=store)


def runs(uri):
    """Every run by name: its status, its numbers by metric, and its parent's name; there are no twins."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    found = client.search_runs([experiment.experiment_id])
    names = {run.info.run_id: run.info.run_name for run in found}
    assert len(set(names.values())) == len(found), f"twins: {names}"
    return {
        run.info.run_name: (
            run.info.status,
            {
                metric: sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, metric))
                for metric in run.data.metrics
            },
            names.get(run.data.tags.get("mlflow.parentRunId")),
        )
        for run in found
    }


def kept(store):
    return [one.record.facts.identity.name for one in find_unsent(store)]


def sync(capsys, *options):
    status = main(["sync", *options])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_server_that_dies_misses_nothing_once_it_is_there_again(server, tmp_path, capsys):
    store = Store(tmp_path, server.uri)
    server.start()
    with TrainingLog(training("lost"), PARAMETERS, store, every_seconds=0.05) as log:
        log.log({"loss": 3.0}, 0)
        while log._sent == 0:
            time.sleep(0.02)
        server.kill()
        log.log({"loss": 2.0}, 10)
    assert kept(store) == ["lost/no_nf/seed0"]
    assert log_arm("lost", store, arm_files(tmp_path / "arm")) is None
    shutil.rmtree(tmp_path / "arm")  # as the folder of a DVC experiment is
    errors = capsys.readouterr().err
    assert errors.count("warning: ") == errors.count("`flowshot sync` sends them") == 2
    assert kept(store) == ["lost/no_nf/seed0", "lost/no_nf/own/seed0"]

    status, out, err = sync(capsys)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: sent 0 runs to MLflow, 2 runs not: {server.uri} is away: ")
    assert len(kept(store)) == 2

    # One that ends when the server is there again needs nobody's help.
    with TrainingLog(training("found"), PARAMETERS, store, every_seconds=0.05) as log:
        log.log({"loss": 1.0}, 0)
        time.sleep(0.2)
        server.start()
    assert kept(store) == ["lost/no_nf/seed0", "lost/no_nf/own/seed0"]

    assert sync(capsys)[:2] == (0, "sent 2 runs to MLflow\n")
    told = runs(server.uri)
    curve = {"training/loss": [(0, 3.0), (10, 2.0)]}
    assert told == {
        "lost/no_nf/seed0": ("FINISHED", curve, None),
        "lost/no_nf/own/seed0": ("FINISHED", {**curve, "fad_yamnet": [(0, 20.5)]}, "lost/no_nf/seed0"),
        "found/no_nf/seed0": ("FINISHED", {"training/loss": [(0, 1.0)]}, None),
    }
    assert not (tmp_path / UNSENT).exists()
    assert sync(capsys, "--json")[:2] == (0, '{\n  "sent": []\n}\n')
    assert runs(server.uri) == told


def test_a_server_that_never_answers_holds_no_training_up(silent_uri, local, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    store = Store(tmp_path, silent_uri)
    start = time.monotonic()
    with TrainingLog(training("silent"), PARAMETERS, store, every_seconds=0.05, patience_seconds=0.2) as log:
        for step in range(100):
            log.log({"loss": 1.0}, step)
    assert time.monotonic() - start < 5
    assert kept(store) == ["silent/no_nf/seed0"]
    assert len(find_unsent(store)[0].record.numbers) == 100
    assert log_arm("silent", store, arm_files(tmp_path / "arm")) is None
    status, _, err = sync(capsys)
    assert status == 1 and "sent 0 runs to MLflow, 2 runs not" in err and err.count("is away") == 1
    # The user names another store, here that of the repository, and everything is there.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local.uri)
    assert sync(capsys)[:2] == (0, "sent 2 runs to MLflow\n")
    assert set(runs(local.uri)) == {"silent/no_nf/seed0", "silent/no_nf/own/seed0"}


@pytest.fixture
def away(tmp_path):
    """A server where nothing listens."""
    return Store(tmp_path, f"http://127.0.0.1:{free_port()}")


def record(name, *losses, status="FINISHED"):
    numbers = tuple(Number("training/loss", loss, 1, step) for step, loss in enumerate(losses))
    return RunRecord(gather_facts(training(name), PARAMETERS), numbers, status)


def test_what_is_kept_comes_back_as_it_was(away, tmp_path):
    prepared = tmp_path / "data/prepared/whole"
    prepared.mkdir(parents=True)
    (prepared / "dataset.json").write_text('{"name": "whole", "licence": "CC0"}')
    (prepared / "manifest.csv").write_text("clip,split\n0,train\n")
    (tmp_path / "weights.json").write_text("{}")
    made = record("whole", 1.5, float("inf"), status="KILLED")
    arm = gather_facts(RunIdentity("quick", "whole", "no_nf", 0, "own"), {**PARAMETERS, "shape": (1, 2)})
    keep_unsent(away, RunRecord(arm, made.numbers, "FINISHED", (("model", tmp_path / "weights.json"),), made.facts))
    keep_unsent(away, made)
    first, second = find_unsent(away)
    assert first.record == made and first.uri == away.uri
    assert second.record.training == made.facts and second.record.facts.key == arm.key
    ((place, file),) = second.record.files
    assert place == "model" and file.read_text() == "{}" and file != tmp_path / "weights.json"


def test_a_later_try_takes_the_place_of_an_earlier_one(away):
    keep_unsent(away, record("again", 1.0, status="KILLED"))
    keep_unsent(away, record("again", 1.0, 2.0))
    (one,) = find_unsent(away)
    assert one.record.status == "FINISHED" and len(one.record.numbers) == 2


def test_a_training_that_is_taken_up_and_logged_is_kept_no_longer(away, local):
    keep_unsent(away, record("resumed", 1.0, status="KILLED"))
    with TrainingLog(training("resumed"), PARAMETERS, local) as log:
        log.log({"loss": 4.0}, 0)
    assert kept(local) == []


def test_nothing_to_send_is_said(capsys):
    assert sync(capsys)[:2] == (0, "nothing is waiting for MLflow\n")


def test_two_people_who_send_at_once_double_nothing(away, tmp_path, capsys):
    keep_unsent(away, record("once", 1.0))
    with one_process_at(tmp_path / UNSENT):
        status, _, err = sync(capsys)
    assert status == 1 and "another process is at this work" in err
    assert len(find_unsent(away)) == 1


def test_what_was_damaged_is_named(away, tmp_path):
    keep_unsent(away, record("damaged", 1.0))
    (folder,) = (tmp_path / UNSENT).iterdir()
    (folder / "run.json").write_text("{")
    with pytest.raises(FlowshotError, match=r"no run that was kept .*; remove it"):
        find_unsent(away)


def test_where_even_a_copy_cannot_be_kept_the_training_goes_on_and_says_so(away, tmp_path, capsys):
    (tmp_path / ".flowshot").write_text("a file where the folder should be")
    with TrainingLog(training("full"), PARAMETERS, away, every_seconds=0.05) as log:
        log.log({"loss": 1.0}, 0)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("warning: MLflow at ") and said[-1].endswith("no copy could be kept")
