import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from defaults import default
from flowshot.core.params import read_params
from flowshot.core.randomness import torch_generator
from flowshot.diagnostics import verdict
from flowshot.diagnostics.latent import diagnose
from flowshot.preparation.config import dataset_config
from flowshot.preparation.preparation import prepare
from flowshot.sources.fetch import fetch
from flowshot.training.config import LossConfig
from flowshot.training.losses import ReconstructionLoss

MODEL = Path("models/mine/no_nf/3")
RECORD = Path("runs/train/mine/no_nf/3/run.json")
LOSS = default(LossConfig, "train.loss", fft_sizes=(256, 64))


def record(**changes):
    """What a training says of its loss."""
    loss = {**asdict(LOSS), **changes}
    RECORD.write_text(json.dumps({"parameters": {"train": {"loss": loss}}}))


@pytest.fixture
def prepared(project, write_sounds):
    from flowshot.clips.prepared import read_prepared

    write_sounds(project / "sounds", 30)
    config = dataset_config(read_params(), "mine")
    fetch("mine", config, Path("data/raw/mine"))
    prepare("mine", config, Path("data/raw/mine"), Path("data/prepared/mine"), workers=1)
    return read_prepared("data/prepared/mine")


@pytest.fixture
def trained(prepared, save_vae):
    """A model with the loss it was trained with, on the prepared dataset."""
    model = save_vae()
    RECORD.parent.mkdir(parents=True)
    record()
    return model


def test_the_numbers_are_those_of_training(trained, prepared, found):
    report = found("diagnose", MODEL, "--seed", 3)
    loss = ReconstructionLoss(LOSS, prepared.sample_rate)
    generator = torch_generator(3, "diagnose", "mine", "no_nf")
    seen = prepared.clips("train")
    expected = diagnose(trained, prepared.clips("valid"), lambda a, b: loss(a, b)[0], generator, seen)
    assert report["verdict"] == expected.verdict and report["n"] == len(prepared.clips("valid"))
    for name, value in vars(expected).items():
        assert not isinstance(value, float) or report[name] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert report["kl_per_dimension"] == pytest.approx(expected.kl_per_dimension)
    assert report["elbo"] is None and report["iwae"] is None, "the decoder has no likelihood"
    assert (report["dataset"], report["latent_size"], report["loss"]["fft_sizes"]) == ("mine", 4, [256, 64])


def test_it_finds_the_project_of_the_model_from_any_folder(trained, found, tmp_path, monkeypatch):
    here = found("diagnose", MODEL, "--seed", 3)
    (tmp_path / "elsewhere").mkdir()
    model = MODEL.absolute()
    monkeypatch.chdir(tmp_path / "elsewhere")
    there = found("diagnose", model, "--seed", 3)
    assert there | {"model": ""} == here | {"model": ""}


def test_a_model_whose_loss_still_fell_is_untrained(trained, found, monkeypatch):
    monkeypatch.setattr(verdict, "COLLAPSED", 0.9)  # of the loss: no exchange of latents raises it by as much
    report = found("diagnose", MODEL)
    assert (report["verdict"], report["used_units"]) == ("collapsed", 4)
    (MODEL / "history.csv").write_text("step,train_reconstruction\n1,100\n10,60\n20,\n30,30\n")
    assert found("diagnose", MODEL)["verdict"] == "untrained"


def test_the_text_begins_with_the_verdict(trained, flowshot):
    status, out, err = flowshot("diagnose", MODEL)
    assert (status, err) == (0, "")
    assert out.split(":")[0] in ("healthy", "partly_collapsed", "collapsed")
    names = {line.rsplit(maxsplit=1)[0] for line in out.splitlines()[4:]}
    assert {"kl", "mutual_information", "marginal_kl", "active_units", "shuffle_gap", "prior_gap"} <= names
    assert not {"elbo", "iwae"} & names


def test_without_the_loss_of_training_that_of_params_is_used_and_said(trained, flowshot, found):
    RECORD.unlink()
    assert "the loss of params.yaml" in flowshot("diagnose", MODEL)[2]
    assert found("diagnose", MODEL)["loss"]["fft_sizes"] == [2048, 512, 128]


@pytest.mark.parametrize("text", ["{", "[]", '{"parameters": {"train": {"loss": {"fft_sizes": "none"}}}}'])
def test_a_damaged_record_of_training_is_named(trained, fails, text):
    RECORD.write_text(text)
    assert f"{RECORD}: " in fails("diagnose", MODEL)


def test_a_folder_that_holds_no_model_is_named(project, fails):
    assert "nowhere: no usable model" in fails("diagnose", "nowhere")
    assert f"{project}: no usable model" in fails("diagnose", project)


def test_truncated_weights_are_named(trained, fails):
    path = MODEL / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{MODEL}: no usable model" in fails("diagnose", MODEL)


def test_a_dataset_of_other_clips_or_none_at_all_is_named(prepared, save_vae, fails):
    save_vae(3, rate=16000)
    line = fails("diagnose", MODEL)
    assert "was trained on clips of 4000 samples at 16000 Hz, but data/prepared/mine has 2000 at 8000 Hz" in line
    save_vae(4, dataset="other")
    assert "data/prepared/other: no prepared dataset" in fails("diagnose", "models/mine/no_nf/4")


def test_weights_that_are_not_finite_are_named(trained, fails):
    from safetensors.torch import load_file, save_file

    path = MODEL / "weights.safetensors"
    save_file({name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}, path)
    assert "is not finite" in fails("diagnose", MODEL)


def test_with_a_likelihood_there_are_bounds_of_it(trained, found):
    record(likelihood="laplace")
    report = found("diagnose", MODEL)
    assert report["elbo"] <= report["iwae"]
    assert report["reconstruction"] > 0
