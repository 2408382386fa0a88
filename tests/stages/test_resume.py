"""The `train` stage, killed and started again. `FLOWSHOT_KILLS=10` tries as many moments; two by default."""

import os
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest

KILLS = int(os.environ.get("FLOWSHOT_KILLS", "2"))
BUDGET = {"steps": 60, "batch_size": 4}
MODEL = {
    f"models/tones/no_nf/0/{name}"
    for name in ("config.json", "diagnostics.json", "history.csv", "last.safetensors", "weights.safetensors")
}
SETTINGS = {"validate_every": 20, "log_every": 5, "beta_warmup_steps": 5, "warmup_steps": 2}

SET_ASIDE = {(".flowshot", "unsent"), (".flowshot", "finished")}


@pytest.fixture(scope="module")
def uninterrupted(tone_project_at, start_train_stage, tmp_path_factory):
    """Weights of the whole training, and the seconds that it took."""
    folder = tone_project_at(tmp_path_factory.mktemp("whole"), "no_nf", {}, BUDGET, **SETTINGS)
    start = time.monotonic()
    process = start_train_stage(folder, "no_nf")
    assert process.wait() == 0
    assert outputs_of(folder) == MODEL
    return weights_of(folder), time.monotonic() - start


def outputs_of(folder):
    """Every file of the project, hidden ones too, but for what it is made of, its records, and MLflow's."""
    given = ("data", "mlartifacts", "params.yaml", "mlflow.db", "mlflow.db.lock", "runs")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] not in given and not SET_ASIDE & {path.parts[:2]}}


def weights_of(folder):
    model = folder / "models/tones/no_nf/0"
    return {name: (model / f"{name}.safetensors").read_bytes() for name in ("weights", "last")}


def runs_of(folder):
    if not (folder / "mlflow.db").exists():  # whoever tells MLflow has not come to it yet
        return [], []
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall():
            return [], []  # its tables are still being made
        runs = database.execute("SELECT status FROM runs").fetchall()
        doubled = database.execute(
            "SELECT key, step FROM metrics GROUP BY run_uuid, key, step HAVING COUNT(*) > 1"
        ).fetchall()
    return [status for (status,) in runs], doubled


def told(folder, status):
    """What MLflow holds once it has `status`: a process of its own tells it, and may end after the stage."""
    deadline = time.monotonic() + 60
    while (found := runs_of(folder)) != ([status], []) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_training_ends_as_if_it_had_not_been_killed(
    kill, uninterrupted, tone_project_at, start_train_stage, killed, tmp_path
):
    expected, seconds = uninterrupted
    projects = (tone_project_at(tmp_path / str(i), "no_nf", {}, BUDGET, **SETTINGS) for i in range(20))
    folder = killed(
        lambda folder: start_train_stage(folder, "no_nf", checkpoint_seconds=0.0),
        projects,
        # Spread over the training, whose start is the import of torch.
        seconds * np.random.default_rng(kill).uniform(0.4, 1.0),
    )
    assert start_train_stage(folder, "no_nf").wait() == 0
    assert weights_of(folder) == expected
    assert outputs_of(folder) == MODEL


def test_a_request_to_stop_is_one_line_and_the_next_start_goes_on(uninterrupted, tone_project, start_train_stage):
    folder = tone_project("no_nf", {}, BUDGET, **SETTINGS)
    process = start_train_stage(folder, "no_nf", checkpoint_seconds=0.0, FLOWSHOT_TRACKING="now")
    while not list((folder / ".flowshot").rglob("state.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    lines = process.communicate()[1].strip().splitlines()
    assert process.returncode == 1
    assert len(lines) == 1
    assert "the same command resumes from there" in lines[0]
    again = start_train_stage(folder, "no_nf", FLOWSHOT_TRACKING="now")
    assert again.wait() == 0
    assert weights_of(folder) == uninterrupted[0]
    assert told(folder, "FINISHED") == (["FINISHED"], [])
