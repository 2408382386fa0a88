"""What MLflow holds of a training while it runs, also of one that is interrupted, and with a server that is away."""

import signal
import subprocess
import sys
import time

import pytest
from tracked_project import Project, curve, runs, send, write_history

from flowshot.core import tracked
from flowshot.core.errors import Interrupted


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


def test_a_server_that_never_answers_does_not_hold_a_training_up(repository, silent, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    monkeypatch.setattr(tracked, "END_SECONDS", 0.1)
    with tracked.following(under_way(Project(repository))):
        pass


def test_a_dead_server_costs_a_training_one_line(training, dead, capfd, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead)
    said = ""
    with tracked.following(training):
        deadline = time.monotonic() + 120
        while "\n" not in said:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            said += capfd.readouterr().err
    said += capfd.readouterr().err
    assert said.startswith(f"warning: MLflow at {dead}: ") and said.count("\n") == 1


def test_a_follower_that_cannot_start_stops_no_training(repository, monkeypatch):
    monkeypatch.setattr(tracked.sys, "executable", "no such program")
    with tracked.following(under_way(Project(repository))):
        pass
