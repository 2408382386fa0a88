"""The real dvc.yaml and the real stages, as a user runs them, on a plan that is small in every direction."""

import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_RATE = 8000
PRIORS = ("own", "gmm")

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project with a tiny plan, run once from beginning to end."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    write_sounds(folder / "sounds")
    write_params(folder / "params.yaml", tiny_params(folder))
    run("git", "init", "--quiet", cwd=folder)
    result = dvc(folder, "repro")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def tiny_params(folder: Path) -> dict:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["plan"] = {
        "name": "tiny",
        "datasets": ["mine"],
        "autoencoders": ["no_nf", "nf_both"],
        "priors": list(PRIORS),
        "seeds": [0],
        "budget": {"steps": 4, "batch_size": 4},
    }
    clips = params["clips"] | {"sample_rate": SAMPLE_RATE, "clip_seconds": 0.25}
    params["datasets"]["mine"] = clips | {"source": "folder", "path": str(folder / "sounds")}
    params["autoencoder"] |= {"bands": 4, "channels": [8, 8], "strides": [4, 4], "latent_size": 4, "flow_width": 8}
    params["train"] |= {"validate_every": 2, "log_every": 1, "threads": 1}
    params["train"]["loss"]["fft_sizes"] = [512, 128]
    params["score"] |= {"embeddings": ["logmel"], "bootstrap": 20, "folds": 3}
    return params


def write_params(path: Path, params: dict) -> None:
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def write_sounds(folder: Path) -> None:
    """60 decaying tones, one file that is silent and one that is no audio."""
    folder.mkdir()
    time = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    for index in range(60):
        tone = np.sin(2 * np.pi * (200 + 37 * index) * time) * np.exp(-time * (8 + index % 7))
        soundfile.write(folder / f"{chr(97 + index % 26)}{index} tone.wav", 0.5 * tone, SAMPLE_RATE)
    soundfile.write(folder / "silent.wav", np.zeros(1000), SAMPLE_RATE)
    (folder / "notes.wav").write_text("not audio")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": paths, "PYTHONPATH": str(cwd / "src"), "OMP_NUM_THREADS": "1"}
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        environment.pop(name, None)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "dvc", *arguments, cwd=folder)


def restaled(folder: Path) -> set[str]:
    """Names of the stages that a `dvc repro` would run first, as `dvc status` tells."""
    status = json.loads(dvc(folder, "status", "--json").stdout)
    return set(status)


def test_every_arm_of_the_plan_is_in_the_results_with_finite_numbers(project: Path) -> None:
    with (project / "reports/tiny/results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    arms = {(row["autoencoder"], row["prior"]) for row in rows}
    expected = {(name, prior) for name in ("no_nf", "nf_both") for prior in (*PRIORS, "reconstruction")}
    assert arms == expected | {("real", "real")}
    assert all(math.isfinite(float(row["value"])) for row in rows)
    for arm in expected:
        metrics = {row["metric"] for row in rows if (row["autoencoder"], row["prior"]) == arm}
        assert {"fad", "kid", "clips_per_second"} <= metrics


def test_the_stages_write_what_the_contract_names(project: Path) -> None:
    clips = np.load(project / "data/prepared/mine/train.npy", mmap_mode="r", allow_pickle=False)
    assert clips.dtype == np.float32 and clips.shape[1] == SAMPLE_RATE // 4 and np.abs(clips).max() <= 1
    with (project / "data/prepared/mine/audit.csv").open(newline="") as file:
        audit = {Path(row["source"]).name: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    assert len(audit) == 62
    assert audit["silent.wav"] == ("dropped", "silent") and audit["notes.wav"][0] == "dropped"
    model = project / "models/mine/nf_both/0"
    names = {"weights.safetensors", "last.safetensors", "config.json", "history.csv", "diagnostics.json"}
    assert names <= {file.name for file in model.iterdir()}
    diagnosis = json.loads((model / "diagnostics.json").read_text())
    contract = {"verdict", "kl", "kl_per_dimension", "mutual_information", "marginal_kl", "active_units"}
    assert contract | {"latent_size", "shuffle_gap"} <= set(diagnosis)
    generated = project / "generated/mine/nf_both/gmm/0"
    sampled = np.load(generated / "clips.npy", allow_pickle=False)
    assert sampled.dtype == np.float32 and np.isfinite(sampled).all()
    assert {"clips.npy", "seconds.json", "listen"} == {file.name for file in generated.iterdir()}
    assert (project / "demonstrations/mine/nf_both/0/walk-0-0.flac").is_file()
    run = json.loads((project / "scores/mine/nf_both/gmm/0.run.json").read_text())
    assert re.fullmatch("[0-9a-f]{32}", run["run_id"]) and run["name"] == "mine/nf_both/gmm/seed0"


def test_a_second_run_does_no_work(project: Path) -> None:
    result = dvc(project, "repro")
    assert result.returncode == 0
    assert "Running stage" not in result.stdout
    assert "up to date" in result.stdout


def test_changing_one_autoencoder_restales_its_training_alone(project: Path) -> None:
    params = tiny_params(project)
    params["autoencoders"]["nf_both"]["latent_size"] = 3
    write_params(project / "params.yaml", params)
    try:
        assert restaled(project) == {"train@mine-nf_both-0"}
    finally:
        write_params(project / "params.yaml", tiny_params(project))


def test_changing_one_prior_leaves_training_and_the_other_priors_alone(project: Path) -> None:
    params = tiny_params(project)
    params["fit_prior"]["gmm"]["components"] = 1
    write_params(project / "params.yaml", params)
    try:
        assert restaled(project) == {"fit_prior@mine-no_nf-gmm-0", "fit_prior@mine-nf_both-gmm-0"}
    finally:
        write_params(project / "params.yaml", tiny_params(project))


def test_scoring_again_keeps_one_run_per_arm_in_mlflow(project: Path) -> None:
    def runs() -> list[tuple[str, str]]:
        import sqlite3

        with sqlite3.connect(project / "mlflow.db") as database:
            return database.execute("select name, run_uuid from runs where lifecycle_stage = 'active'").fetchall()

    before = runs()
    names = [name for name, _ in before]
    assert len(names) == len(set(names))
    assert {"mine/no_nf/seed0", "mine/nf_both/gmm/seed0", "mine/no_nf/reconstruction/seed0"} <= set(names)
    result = run(sys.executable, "stages/score.py", "mine", "nf_both", "gmm", "0", cwd=project)
    assert result.returncode == 0, result.stderr
    assert sorted(runs()) == sorted(before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda params: params["train"].update(bet=1.0), r"unknown key 'bet'.*'beta'"),
        (lambda params: params["plan"].update(autoencoders=["unheard_of"]), "unheard_of"),
        (lambda params: params["datasets"]["mine"].update(path="nowhere/at all"), "nowhere/at all"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_line_and_leaves_outputs_untouched(project, change, message) -> None:
    params = tiny_params(project)
    change(params)
    write_params(project / "params.yaml", params)
    before = sorted(path for path in project.rglob("*") if path.is_file() and ".dvc" not in path.parts)
    try:
        stage = "fetch" if "nowhere" in message else "train"
        arguments = ["mine"] if stage == "fetch" else ["mine", "no_nf", "0"]
        result = run(sys.executable, f"stages/{stage}.py", *arguments, cwd=project)
    finally:
        write_params(project / "params.yaml", tiny_params(project))
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and re.search(message, lines[0])
    after = sorted(path for path in project.rglob("*") if path.is_file() and ".dvc" not in path.parts)
    assert after == before
