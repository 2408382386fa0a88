"""Eight stages started at once, as people and clusters do, and some of them one after the other: the same results."""

import shutil
import subprocess
import sys

import pytest

from pipeline.tiny import dvc, environment, tiny_params, tiny_project, write_params

pytestmark = pytest.mark.pipeline

ARMS = [(autoencoder, seed) for autoencoder in ("no_nf", "nf_both") for seed in (0, 1, 2, 3)]
STAGES = [f"train@mine-{autoencoder}-{seed}" for autoencoder, seed in ARMS]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project whose dataset is prepared, and in which eight trainings are to be run."""
    folder = tiny_project(tmp_path_factory.mktemp("eight"))
    params = tiny_params(folder)
    params["plan"]["seeds"] = [0, 1, 2, 3]
    write_params(folder / "params.yaml", params)
    result = dvc(folder, "repro", "prepare@mine")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def weights_of(folder):
    """Of each arm that was trained there."""
    files = {arm: folder / f"models/mine/{arm[0]}/{arm[1]}/weights.safetensors" for arm in ARMS}
    return {arm: file.read_bytes() for arm, file in files.items() if file.exists()}


def test_eight_stages_at_once_succeed_with_the_results_of_one_after_the_other(prepared, tmp_path):
    serial = shutil.copytree(prepared, tmp_path / "serial", symlinks=True)
    result = dvc(serial, "repro", "-s", *STAGES[::3])
    assert result.returncode == 0, result.stdout + result.stderr

    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started = [
        subprocess.Popen([*command, stage], cwd=prepared, env=environment(prepared), **pipes) for stage in STAGES
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(STAGES), said
    apart = weights_of(prepared)
    assert len(set(apart.values())) == len(ARMS)
    assert {arm: apart[arm] for arm in ARMS[::3]} == weights_of(serial)
    status = dvc(prepared, "status", *STAGES)
    assert "up to date" in status.stdout, status.stdout
    assert not list((prepared / "models").rglob(".*"))
