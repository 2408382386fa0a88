"""A training, killed and started again. `FLOWSHOT_KILLS=10` tries as many moments of each model; one by default."""

import functools
import os
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest

KILLS = int(os.environ.get("FLOWSHOT_KILLS", "1"))
BUDGET = {"steps": 60, "batch_size": 4}
MODELS = {
    "no_nf": {},
    "crash": {"channels": [4, 4, 4], "factors": [2, 2], "steps_share": 1.0},
    "drumgan": {"fft_size": 64, "hop": 16, "latent_size": 4, "widths": [4, 4], "steps_share": 1.0},
}
FILES = ("config.json", "diagnostics.json", "history.csv", "weights.safetensors")
SETTINGS = {"validate_every": 20, "log_every": 5, "beta_warmup_steps": 5, "warmup_steps": 2}

SET_ASIDE = (".flowshot", "unsent")


@pytest.fixture(scope="module")
def start_training(start_stage):
    """Starts the training of a model in a folder, by the stage of its kind."""

    def start(folder, name, **settings):
        script = "train" if name == "no_nf" else "train_generator"
        return start_stage(folder, script, name, "0", **settings)

    return start


@pytest.fixture(scope="module")
def uninterrupted(tone_project_at, start_training, tmp_path_factory):
    """Weights of a model's whole training, and the seconds that it took."""

    @functools.cache
    def train(name):
        folder = tone_project_at(tmp_path_factory.mktemp(name), name, MODELS[name], BUDGET, **SETTINGS)
        start = time.monotonic()
        assert start_training(folder, name).wait() == 0
        assert outputs_of(folder) == files_of(name)
        return weights_of(folder, name), time.monotonic() - start

    return train


def files_of(name):
    return {f"models/tones/{name}/0/{file}" for file in FILES}


def outputs_of(folder):
    """Every file of the project, hidden ones too, but for what it is made of, its records, and MLflow's."""
    given = ("data", "mlartifacts", "params.yaml", "mlflow.db", "mlflow.db.lock", "runs")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] not in given and path.parts[:2] != SET_ASIDE}


def weights_of(folder, name):
    return (folder / f"models/tones/{name}/0/weights.safetensors").read_bytes()


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
    deadline = time.monotonic() + 180
    while (found := runs_of(folder)) != ([status], []) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_training_ends_as_if_it_had_not_been_killed(
    name, kill, uninterrupted, tone_project_at, start_training, killed, tmp_path
):
    expected, seconds = uninterrupted(name)
    projects = (tone_project_at(tmp_path / str(i), name, MODELS[name], BUDGET, **SETTINGS) for i in range(20))
    folder = killed(
        lambda folder: start_training(folder, name, checkpoint_seconds=0.0),
        projects,
        # Spread over the training, whose start is the import of torch.
        seconds * np.random.default_rng(kill).uniform(0.4, 1.0),
    )
    assert start_training(folder, name).wait() == 0
    assert weights_of(folder, name) == expected
    assert outputs_of(folder) == files_of(name)


def test_a_request_to_stop_is_one_line_and_the_next_start_goes_on(uninterrupted, tone_project, start_training):
    folder = tone_project("no_nf", {}, BUDGET, **SETTINGS)
    process = start_training(folder, "no_nf", checkpoint_seconds=0.0, FLOWSHOT_TRACKING="now")
    while not list((folder / ".flowshot").rglob("state.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    lines = process.communicate()[1].strip().splitlines()
    assert process.returncode == 1
    assert len(lines) == 1
    assert "the same command resumes from there" in lines[0]
    again = start_training(folder, "no_nf", FLOWSHOT_TRACKING="now")
    assert again.wait() == 0
    assert weights_of(folder, "no_nf") == uninterrupted("no_nf")[0]
    assert told(folder, "FINISHED") == (["FINISHED"], [])
