"""A published folder tells where a model comes from, and is all that is needed to load it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import flowshot
from flowshot.core.params import read_params
from flowshot.core.randomness import torch_generator
from flowshot.core.records import write_record
from flowshot.priors.registry import make_prior, prior_config, save_prior
from flowshot.tracking.mlflow_runs import find_store

ARM = "mine/no_nf/gmm"


@pytest.fixture
def trained(save_vae, generated):
    """An arm with a fitted prior, scores, and a dataset of two packages."""
    model = save_vae()
    prior = make_prior("gmm", prior_config(read_params(), "gmm"), model)
    latents = torch.randn(40, 4, generator=torch_generator(0, "test"))
    prior.fit(latents, latents, torch_generator(1, "test"))
    place = Path(f"priors/{ARM}/3")
    place.mkdir(parents=True)
    save_prior(place, prior, prior_config(read_params(), "gmm"))
    card = Path("data/prepared/mine/dataset.json")
    packages = [{"name": f"pack{i}", "version": "1.0", "licence": "CC0", "origin": "somebody"} for i in range(2)]
    about = {
        "origin": "two packs",
        "licence": "mixed",
        "packages": packages,
        "counts": {"clips": {"train": 4, "valid": 4, "test": 9}},
    }
    card.write_text(json.dumps(json.loads(card.read_text()) | about))
    scores = Path(f"scores/{ARM}/3.json")
    scores.parent.mkdir(parents=True)
    score = {"metric": "fad", "embedding": "logmel", "value": 1.23456, "ci_low": 1.0, "ci_high": 1.5, "n": 9}
    scores.write_text(json.dumps([score, score | {"metric": "kad_p", "ci_low": None, "ci_high": None}]))


def test_the_folder_says_what_is_to_be_known_and_loads_in_a_process_without_the_project(trained, found, tmp_path):
    expected = flowshot.load(ARM).sample(3, seed=5)
    report = found("card", ARM, "--out", "published")
    files = ["README.md", "arm.json", "config.json", "dataset.json", "prior.safetensors", "weights.safetensors"]
    assert report["files"] == files and report["metrics"] == 2
    text = Path("published/README.md").read_text()
    for part in (
        "# mine/no_nf/gmm",
        "| pack1 | 1.0 | CC0 | somebody |",
        "| fad | logmel | 1.235 | 1 to 1.5 | 9 |",
        "8000 Hz",
    ):
        assert part in text
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree("published", elsewhere / "published")
    code = "import flowshot, torch; arm = flowshot.load('published')\n"
    code += "torch.save((arm.name, arm.sample(3, seed=5)), 'x.pt')"
    result = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    name, clips = torch.load(elsewhere / "x.pt", weights_only=True)
    assert name == ARM and torch.allclose(clips, expected, atol=1e-4)


def test_without_scores_there_is_no_table_and_a_folder_is_replaced_only_by_force(trained, found, fails):
    shutil.rmtree("scores")
    assert found("card", ARM, "--out", "published")["metrics"] == 0
    assert "Metrics" not in Path("published/README.md").read_text()
    assert "published: is not empty" in fails("card", ARM, "--out", "published")


def test_a_registered_arm_is_loaded_by_mlflow_and_draws_the_same_clips(trained, found, tmp_path):
    expected = flowshot.load(ARM).sample(2, seed=5)
    write_record(
        Path("runs/score", ARM, "3"), stage="score", plan="p", dataset="mine", model="no_nf", prior="gmm", seed=3,
        parameters={}, seconds=1.0,
    )  # fmt: skip
    assert found("sync", "--all")["sent"]
    assert found("card", ARM, "--out", "published", "--register", "best")["registered"] == "models:/best/1"
    assert found("card", ARM, "--out", "published", "--force", "--register", "best")["registered"] == "models:/best/2"
    code = f"import mlflow, pandas, torch; mlflow.set_tracking_uri({find_store()!r})\n"
    code += "model = mlflow.pyfunc.load_model('models:/best/2')\n"
    code += "drawn = model.predict(pandas.DataFrame({'clips': [2], 'seed': [5]}))\n"
    code += "torch.save(torch.from_numpy(drawn), 'drawn.pt')"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert torch.allclose(torch.load(tmp_path / "drawn.pt"), expected, atol=1e-4)


def test_a_card_of_an_arm_that_mlflow_does_not_know_is_not_registered(trained, found, fails, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/empty.db")
    assert "it was not scored here" in fails("card", ARM, "--out", "published", "--force", "--register", "best")
    for beta in (0.1, 0.2):  # another experiment's run of the same arm
        write_record(
            Path("runs/score", ARM, "3"), stage="score", plan="p", dataset="mine", model="no_nf", prior="gmm", seed=3,
            parameters={"beta": beta}, seconds=1.0,
        )  # fmt: skip
        if beta == 0.1:
            assert found("sync", "--all")["sent"]
    assert "MLflow has no run of it; `flowshot sync --all` sends it" in fails(
        "card", ARM, "--out", "published", "--force", "--register", "best"
    )
