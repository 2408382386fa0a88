"""What stages keep for MLflow, and how it gets there: through the drain, or by `flowshot sync`."""

import os
import subprocess
import time
from types import SimpleNamespace

import pytest
from tracked_project import curve, runs

from flowshot.cli import sync as syncing
from flowshot.cli.main import main
from flowshot.core import tracked
from flowshot.core.records import alone
from flowshot.core.tracked import DRAINING, PROBLEM, SAID, UNSENT, keep_unsent, unsent_copies
from flowshot.tracking import mlflow_runs


@pytest.fixture
def started(monkeypatch):
    """The processes that were started; they end with the test."""
    processes = []

    def start(*command, **options):
        processes.append(subprocess.Popen(*command, **options))

    monkeypatch.setattr(tracked, "subprocess", SimpleNamespace(Popen=start, DEVNULL=subprocess.DEVNULL))
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def idle(monkeypatch):
    """The commands of processes that would have been started."""
    commands = []
    start = SimpleNamespace(Popen=lambda command, **_: commands.append(command), DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(tracked, "subprocess", start)
    return commands


@pytest.fixture
def drain(monkeypatch):
    """The drain, in this process and without patience."""
    monkeypatch.setattr(syncing.os, "nice", lambda _: 0)
    monkeypatch.setattr(syncing.time, "sleep", lambda _: None)
    monkeypatch.setattr(syncing, "PATIENCE_SECONDS", -1.0)
    return syncing.drain


def sync(capsys, *options):
    status = main(["sync", *options])
    return status, *capsys.readouterr()


def until_it_drains(process):
    while process.poll() is None:
        try:
            with alone(DRAINING, wait=False):
                pass
        except BlockingIOError:
            return
        time.sleep(0.05)
    pytest.fail("the drain ended")


def test_one_process_sends_what_several_stages_keep_and_says_where_it_is(project, started, capfd):
    arm, training = project.score(), project.train()
    tracked.send(arm)
    until_it_drains(started[0])
    tracked.send(training)
    tracked.send(project.score(prior="other"))
    assert len(started) == 1 and started[0].poll() is None
    (project.root / UNSENT / SAID).write_text("a problem that is over")
    os.utime(project.root / UNSENT / SAID, (0, 0))
    tracked.flush(120)
    assert capfd.readouterr() == ("", "") and not list((project.root / UNSENT).glob("[!.]*"))
    found = runs()
    assert set(found) == {"synth/no_nf/seed0", "synth/no_nf/own/seed0", "synth/no_nf/other/seed0"}
    for folder, name in {training: "synth/no_nf/seed0", arm: "synth/no_nf/own/seed0"}.items():
        assert syncing.read_json(folder / "mlflow.json")["run_id"] == found[name].info.run_id
    niceness = [os.getpriority(os.PRIO_PROCESS, each) for each in (0, started[0].pid)]
    assert niceness[1] == min(niceness[0] + 10, 19)


def test_a_stage_does_not_wait_for_a_server_that_never_answers(project, silent, started, capfd, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    tracked.send(project.train())
    assert started[0].poll() is None and len(unsent_copies()) == 1
    tracked.flush(0.2)
    said = "warning: MLflow is missing 1 run: not sent yet; `flowshot sync` sends them later\n"
    assert capfd.readouterr().err == said


def test_a_dead_server_is_said_once_and_left_alone_for_a_while(project, dead, drain, idle, capfd, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", dead)
        tracked.send(project.train())
        drain()
    assert len(idle) == len(unsent_copies()) == 1
    assert (project.root / UNSENT / PROBLEM).read_text().startswith(f"MLflow at {dead}: ")
    tracked.send(project.score())
    said = capfd.readouterr().err
    assert said.startswith(f"warning: MLflow at {dead} is missing 2 runs: ") and said.count("\n") == 1
    assert said.endswith("; `flowshot sync` sends them later\n")
    tracked.send(project.score(prior="other"))
    assert capfd.readouterr().err == "" and len(idle) == 1
    tracked.flush(60)  # the last stage says it again, and waits for nobody
    assert capfd.readouterr().err.startswith(f"warning: MLflow at {dead} is missing 3 runs: ")
    os.utime(project.root / UNSENT / SAID, (time.time() - 700,) * 2)
    tracked.send(project.score())
    assert capfd.readouterr().err == "" and len(idle) == 2

    status, out, err = sync(capfd)  # which goes by the stores that the copies are meant for
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: sent 2 runs to MLflow, 1 run not: MLflow at {dead}: ")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_runs.find_store())
    assert sync(capfd)[:2] == (0, "sent 1 run to MLflow\n")
    assert not list((project.root / UNSENT).glob("[!.]*"))


def test_sync_sends_copies_whose_originals_are_gone_and_all_runs_on_demand(project, capfd, tmp_path):
    folder, arm = project.train(), project.score()
    keep_unsent(folder)
    (folder.parent / "0").rename(tmp_path / "gone")  # as the folder of a DVC experiment is
    assert sync(capfd)[:2] == (0, "sent 1 run to MLflow\n")
    assert curve(runs()["synth/no_nf/seed0"]) == [(0, 3.0), (10, 2.0)] and not folder.exists()
    assert sync(capfd)[:2] == (0, "nothing is waiting for MLflow\n")

    (tmp_path / "gone").rename(folder)
    assert sync(capfd, "--all")[:2] == (0, "sent 2 runs to MLflow\n")
    found = runs()
    assert set(found) == {"synth/no_nf/seed0", "synth/no_nf/own/seed0"}
    assert (arm / "mlflow.json").is_file() and (folder / "mlflow.json").is_file()
    assert sync(capfd, "--all", "--json")[0] == 0
    damaged = project.root / "runs/train/damaged/run.json"
    damaged.parent.mkdir()
    damaged.write_text("{}")
    status, _, err = sync(capfd, "--all")
    assert (
        status == 1
        and err.startswith("error: sent 2 runs to MLflow, 1 run not: ")
        and "incomplete record without plan" in err
    )
    assert {name: run.info.run_id for name, run in runs().items()} == {n: r.info.run_id for n, r in found.items()}


def test_a_run_that_is_kept_again_while_it_is_sent_is_sent_again(project, drain, monkeypatch):
    send, sent = mlflow_runs.send, []

    def send_slowly(store, run, again=True):
        sent.append(run)
        if len(sent) == 1:
            keep_unsent(project.score(fad=10.0))
        return send(store, run, again)

    keep_unsent(project.score(fad=30.0))
    keep_unsent(project.score(fad=20.0))  # the last one counts
    monkeypatch.setattr(mlflow_runs, "send", send_slowly)
    drain()
    assert runs()["synth/no_nf/own/seed0"].data.metrics["fad_yamnet"] == 10.0
    assert len(sent) == 2 and not unsent_copies()


def test_arms_that_differ_in_an_earlier_stage_alone_all_wait(project, drain):
    """Else a sweep over a prior's values while MLflow is away would keep its last value only."""
    fit = project.root / "runs/fit_prior/synth/no_nf/own/0"
    for components in (1, 8):
        project.record("fit_prior", fit, prior="own", parameters={"fit_prior": {"own": {"components": components}}})
        keep_unsent(project.score(parameters={"score": {"folds": 2}}))
    assert len(unsent_copies()) == 2
    drain()
    client = mlflow_runs.open_store(mlflow_runs.find_store())[0]
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    values = [
        run.data.params["fit_prior.own.components"] for run in found if run.info.run_name == "synth/no_nf/own/seed0"
    ]
    assert sorted(values) == ["1", "8"]


def test_a_damaged_copy_is_named_and_stops_no_other(project, drain, capfd):
    damaged = project.root / UNSENT / "abc"
    damaged.mkdir(parents=True)
    keep_unsent(project.train())
    drain()
    assert set(runs()) == {"synth/no_nf/seed0"}
    assert (project.root / UNSENT / PROBLEM).read_text() == f"MLflow: {damaged}: is not a copy of a run; remove it"
    status, _, err = sync(capfd)
    why = f"{damaged}: is not a copy of a run; remove it"
    said = f"error: sent 0 runs to MLflow, 1 run not: {why}; run `flowshot sync` again\n"
    assert (status, err) == (1, said)


def test_where_no_copy_can_be_kept_it_is_said_and_the_stage_goes_on(project, idle, capfd):
    (project.root / ".flowshot").write_text("a file where the folder should be")
    tracked.send(project.train())
    tracked.flush(1)
    said = capfd.readouterr().err
    assert said.startswith("warning: MLflow may miss the run ") and said.count("\n") == 1
