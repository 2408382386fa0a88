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
def project(tmp_path_factory):
    """A clone of the project with a tiny plan, run once from beginning to end."""
    folder = tiny_project(tmp_path_factory.mktemp("project"))
    result = dvc(folder, "repro")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture
def restored(project):
    """The project, with parameters and code put back after the test, and all stages up to date again."""
    texts = {path: path.read_text() for path in (project / "src").rglob("*.py")}
    yield project
    write_params(project / "params.yaml", tiny_params(project))
    for path, text in texts.items():
        if path.read_text() != text:
            path.write_text(text)
    stages_run(project)


def stages_run(folder, *targets):
    """The stages that `dvc repro` runs."""
    result = dvc(folder, "repro", *targets)
    assert result.returncode == 0, result.stdout + result.stderr
    return set(re.findall(r"Running stage '([^']+)'", result.stdout))


def content(folder, *names):
    """The bytes of every file below folders of the project."""
    return {path: path.read_bytes() for name in names for path in sorted((folder / name).rglob("*")) if path.is_file()}


def outputs(folder):
    """The files of the project, but for what DVC and a process that sends runs to MLflow may change at any time."""
    others = (".dvc", ".flowshot", "mlartifacts", "__pycache__")
    files = (path for path in folder.rglob("*") if path.is_file() and "mlflow" not in path.name)
    return sorted(path for path in files if not {*path.relative_to(folder).parts} & {*others})


def test_every_arm_of_the_plan_is_in_the_results_with_finite_numbers(project):
    with (project / "reports/tiny/results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    arms = {(row["autoencoder"], row["prior"]): row["role"] for row in rows}
    expected = {(name, prior): "arm" for name in ("no_nf", "nf_both") for prior in PRIORS}
    expected |= {(name, "reconstruction"): "reconstruction" for name in ("no_nf", "nf_both")}
    expected |= {("copies", "direct"): "baseline", ("real", "real"): "floor"}
    assert arms == expected
    assert all(math.isfinite(float(row["value"])) for row in rows)
    for arm in expected:
        metrics = {row["metric"] for row in rows if (row["autoencoder"], row["prior"]) == arm}
        assert {"fad", "kid"} <= metrics
        assert ("clips_per_second" in metrics) == (arm != ("real", "real")), arm
    own = {row["metric"] for row in rows if (row["autoencoder"], row["prior"]) == ("nf_both", "own")}
    assert {"kl", "mutual_information", "active_units", "prior_nats", "train_seconds", "parameters"} <= own


def test_the_stages_write_what_the_contract_names(project):
    clips = np.load(project / "data/prepared/mine/train.npy", mmap_mode="r", allow_pickle=False)
    assert clips.dtype == np.float32 and clips.shape[1] == SAMPLE_RATE // 4 and np.abs(clips).max() <= 1
    with (project / "data/prepared/mine/audit.csv").open(newline="") as file:
        audit = {Path(row["source"]).name: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    assert len(audit) == 62
    assert audit["silent.wav"] == ("dropped", "silent") and audit["notes.wav"][0] == "dropped"
    model = project / "models/mine/nf_both/0"
    names = {"weights.safetensors", "config.json", "history.csv", "diagnostics.json"}
    assert names == {file.name for file in model.iterdir()}
    diagnosis = json.loads((model / "diagnostics.json").read_text())
    contract = {"verdict", "kl", "kl_per_dimension", "mutual_information", "marginal_kl", "active_units"}
    assert contract | {"latent_size", "shuffle_gap"} <= set(diagnosis)
    generated = project / "generated/mine/nf_both/gmm/0"
    sampled = np.load(generated / "clips.npy", allow_pickle=False)
    assert sampled.dtype == np.float32 and np.isfinite(sampled).all()
    assert {"clips.npy", "listen"} == {file.name for file in generated.iterdir()}
    assert (project / "demonstrations/mine/nf_both/0/walk-0-0.flac").is_file()
    latents = np.load(project / "latents/mine/nf_both/0/test.npy", allow_pickle=False)
    assert latents.shape[2] == 4 and np.isfinite(latents).all()


def test_copies_are_training_clips(project):
    drawn = np.load(project / "generated/mine/copies/direct/0/clips.npy")
    learned = np.load(project / "data/prepared/mine/train.npy")
    assert all((clip == learned).all(1).any() for clip in drawn)


def test_content_names_neither_machine_nor_time_nor_folder(project):
    """Else a repetition would never be equal, and all that follows would run again."""
    for path, data in content(project, "models", "latents", "priors", "generated", "scores").items():
        if path.suffix in (".json", ".csv"):
            text = data.decode()
            assert str(project) not in text and "seconds" not in text and "machine" not in text, path
    assert str(project) not in (project / "data/prepared/mine/dataset.json").read_text()


def test_a_second_run_does_no_work(project):
    assert stages_run(project) == set()


def test_a_comment_in_the_code_of_training_runs_trainings_and_nothing_after_them(restored):
    before = content(restored, "models", "latents", "generated", "scores")
    losses = restored / "src/flowshot/training/losses.py"
    losses.write_text(losses.read_text() + "# A comment.\n")
    trainings = {"train@mine-no_nf-0", "train@mine-nf_both-0", "train_generator@mine-copies-0"}
    assert stages_run(restored) == trainings
    assert content(restored, "models", "latents", "generated", "scores") == before


def test_an_option_of_the_report_runs_the_report_alone(restored):
    config = restored / "src/flowshot/report/config.py"
    changed = config.read_text().replace("    digits: int\n", "    digits: int\n    added: int = 0\n", 1)
    assert "added" in changed
    # A field without a default must not stand before one.
    config.write_text(re.sub(r"    added: int = 0\n((?:    \w+: [^\n]+\n)+)", r"\1    added: int = 0\n", changed))
    assert stages_run(restored) == {"report"}


def test_a_title_of_mlflow_runs_nothing(restored):
    for path in (restored / "src/flowshot/tracking").rglob("*.py"):
        path.write_text(path.read_text() + "# A comment.\n")
    assert stages_run(restored) == set()


def test_an_autoencoder_s_entry_runs_its_own_stages_alone(restored):
    params = tiny_params(restored)
    params["autoencoders"]["nf_both"]["latent_size"] = 3
    write_params(restored / "params.yaml", params)
    scores = ("score@mine-no_nf-gmm-0", "score@mine-nf_both-gmm-0")
    ran = stages_run(restored, *scores)
    assert ran == {f"{stage}@mine-nf_both-0" for stage in ("train", "encode")} | {
        f"{stage}@mine-nf_both-gmm-0" for stage in ("fit_prior", "sample", "score")
    }
    # Back again, DVC takes from its cache what it has seen: nothing is trained twice.
    write_params(restored / "params.yaml", tiny_params(restored))
    assert not [stage for stage in stages_run(restored, *scores) if stage.startswith("train")]


def test_a_prior_s_entry_runs_its_own_stages_alone(restored):
    params = tiny_params(restored)
    params["fit_prior"]["gmm"]["components"] = 1
    write_params(restored / "params.yaml", params)
    ran = stages_run(restored, "score@mine-nf_both-own-0", "score@mine-nf_both-gmm-0")
    # The validation may have chosen one component before; then the clips are the same, and nothing is scored again.
    fitted, sampled, scored = (f"{stage}@mine-nf_both-gmm-0" for stage in ("fit_prior", "sample", "score"))
    assert {fitted, sampled} <= ran <= {fitted, sampled, scored}


def test_scoring_again_keeps_one_run_per_arm_in_mlflow(project):
    def runs():
        from mlflow.tracking import MlflowClient

        sent = run(sys.executable, "-m", "flowshot.cli.main", "sync", cwd=project)
        assert sent.returncode == 0, sent.stderr
        client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        found = client.search_runs(ids, max_results=1000)
        return sorted((run.data.tags["flowshot.key"], run.info.run_name, run.info.run_id) for run in found)

    before = runs()
    keys, names, _ = zip(*before, strict=True)
    assert len(keys) == len(set(keys)), "two runs of the same names and parameters"
    assert {"mine/no_nf/seed0", "mine/nf_both/gmm/seed0", "mine/no_nf/reconstruction/seed0"} <= set(names)
    result = run(sys.executable, "stages/score.py", "mine", "nf_both", "gmm", "0", cwd=project)
    assert result.returncode == 0, result.stderr
    assert runs() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda params: params["train"].update(bet=1.0), r"unknown key 'bet'.*'beta'"),
        (lambda params: params["autoencoders"].pop("no_nf"), "no_nf"),
        (lambda params: params["datasets"]["mine"].update(path="nowhere/at all"), "nowhere/at all"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_line_and_leaves_outputs_untouched(restored, change, message):
    params = tiny_params(restored)
    change(params)
    write_params(restored / "params.yaml", params)
    before = outputs(restored)
    stage = "fetch" if "nowhere" in message else "train"
    arguments = ["mine"] if stage == "fetch" else ["mine", "no_nf", "0"]
    result = run(sys.executable, f"stages/{stage}.py", *arguments, cwd=restored)
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and re.search(message, lines[0])
    after = outputs(restored)
    assert after == before
