"""The real dvc.yaml and the real stages, as a user runs them, on a plan that is small in every direction."""

import csv
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.tiny import PRIORS, SAMPLE_RATE, dvc, run, tiny_params, tiny_project, write_params

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project with a tiny plan, run once from beginning to end."""
    folder = tiny_project(tmp_path_factory.mktemp("project"))
    result = dvc(folder, "repro")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


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
