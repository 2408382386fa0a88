"""What a stage calls while a training runs and at its end, with servers that are dead or never answer, too."""

import signal
import socket
import subprocess
import sys
import time

import pytest
from tracked_project import Project, curve, runs, send, write_history

from flowshot.cli.main import main
from flowshot.core import tracked
from flowshot.core.errors import Interrupted
from flowshot.core.records import UNSENT


@pytest.fixture
def training(project, monkeypatch):
    """The folder of a training that is under way, whose end waits however slow this machine is."""
    monkeypatch.setattr(tracked, "END_SECONDS", 60.0)
    return under_way(project)


def under_way(project):
    folder = project.root / ".flowshot/checkpoints/synth"
    project.record("train", folder, seconds=None)
    write_history(folder / "history.csv", [3.0])
    return folder


def until_sent(steps):
    deadline = time.monotonic() + 120
    while not (found := runs()) or len(curve(found["synth/no_nf/seed0"])) < steps:
        assert time.monotonic() < deadline, "nothing arrived while the training ran"
        time.sleep(0.1)
    return found["synth/no_nf/seed0"]


def test_an_interrupted_training_goes_on_in_the_same_run_and_no_step_is_there_twice(project, training):
    with pytest.raises(Interrupted), tracked.following(training):
        first = until_sent(1)
        assert first.info.status == "RUNNING"
        write_history(training / "history.csv", [3.0, 2.0])
        raise Interrupted("stop")
    stopped = runs()["synth/no_nf/seed0"]
    assert (stopped.info.status, curve(stopped)) == ("KILLED", [(0, 3.0), (10, 2.0)])

    write_history(training / "history.csv", [3.0])  # the checkpoint is older than the last row
    with tracked.following(training):
        while runs()["synth/no_nf/seed0"].info.status != "RUNNING":
            time.sleep(0.1)
        write_history(training / "history.csv", [3.0, 2.0, 1.0])
        with (training / "history.csv").open("a") as file:
            file.write("30,0.")  # half a row
    done = runs()["synth/no_nf/seed0"]
    assert (done.info.run_id, done.info.status) == (first.info.run_id, "FINISHED")
    assert curve(done) == [(0, 3.0), (10, 2.0), (20, 1.0)]
    # The record of the whole training has the same key.
    assert send(project.train(losses=(3.0, 2.0, 1.0, 0.5))) == first.info.run_id
    assert curve(done)[-1] == (30, 0.5)


def test_the_run_of_a_training_that_was_killed_says_so(training):
    code = "import sys, time, pathlib; from flowshot.core.tracked import following\n"
    code += "with following(pathlib.Path(sys.argv[1])): time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(training)])
    until_sent(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 120
    while (run := runs()["synth/no_nf/seed0"]).info.status != "KILLED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert curve(run) == [(0, 3.0)]


@pytest.fixture
def dead():
    """The address of a server where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def silent():
    """The address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def sync(capsys, *options):
    status = main(["sync", *options])
    return status, *capsys.readouterr()


def test_a_dead_server_costs_two_lines_and_sync_sends_what_it_missed(
    project, training, dead, capfd, monkeypatch, tmp_path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with tracked.following(training):
        deadline = time.monotonic() + 120
        said = ""
        while "\n" not in said:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            said += capfd.readouterr().err
    said += capfd.readouterr().err
    assert said.startswith(f"warning: MLflow at {dead}: ") and said.count("\n") == 1
    folder = project.train()
    arm = project.score()
    tracked.send(folder)
    said = capfd.readouterr().err
    assert said.startswith(f"warning: MLflow misses the run {folder}: MLflow at {dead}: ")
    assert said.endswith("it is kept, and `flowshot sync` sends it\n") and said.count("\n") == 1

    status, out, err = sync(capfd)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: sent 0 runs to MLflow, 1 run not: MLflow at {dead}: ")

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (kept,) = (project.root / UNSENT).iterdir()
    assert (kept / "tracking_uri").read_text() == dead
    (kept / "tracking_uri").write_text("")  # as if it had been meant for the repository's own store
    (folder.parent / "0").rename(tmp_path / "gone")  # as the folder of a DVC experiment is
    assert sync(capfd)[:2] == (0, "sent 1 run to MLflow\n")
    assert curve(runs()["synth/no_nf/seed0"]) == [(0, 3.0), (10, 2.0)]
    assert sync(capfd)[:2] == (0, "nothing is waiting for MLflow\n")

    (tmp_path / "gone").rename(folder)
    assert sync(capfd, "--all")[:2] == (0, "sent 2 runs to MLflow\n")
    found = runs()
    assert set(found) == {"synth/no_nf/seed0", "synth/no_nf/own/seed0"}
    assert (arm / "mlflow.json").is_file()
    assert sync(capfd, "--all", "--json")[0] == 0
    assert {name: run.info.run_id for name, run in runs().items()} == {n: r.info.run_id for n, r in found.items()}


def test_a_server_that_never_answers_holds_no_stage_up(repository, silent, capfd, monkeypatch):
    project = Project(repository)
    training, folder = under_way(project), project.train()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    monkeypatch.setattr(tracked, "SEND_SECONDS", 2.0)
    monkeypatch.setattr(tracked, "END_SECONDS", 0.5)
    start = time.monotonic()
    with tracked.following(training):
        pass
    tracked.send(folder)
    assert time.monotonic() - start < 20
    said = capfd.readouterr().err
    assert said.endswith("no answer within 2 s; it is kept, and `flowshot sync` sends it\n") and said.count("\n") == 1
    assert len(list((repository / UNSENT).iterdir())) == 1


def test_where_even_a_copy_cannot_be_kept_it_is_said(project, dead, capfd, monkeypatch):
    monkeypatch.setattr(tracked, "TRACKING", ("no such program",))
    (project.root / ".flowshot").write_text("a file where the folder should be")
    with tracked.following(under_way(Project(project.root / "elsewhere"))):
        pass
    tracked.send(project.train())
    said = capfd.readouterr().err
    assert (
        said.startswith("warning: MLflow misses the run ") and said.count("\n") == 1 and "no copy could be kept" in said
    )


def test_a_damaged_copy_is_named(project, capfd):
    damaged = project.root / UNSENT / "abc"
    damaged.mkdir(parents=True)
    status, _, err = sync(capfd)
    assert (status, err) == (1, f"error: {damaged}: no copy of a run; remove it\n")
