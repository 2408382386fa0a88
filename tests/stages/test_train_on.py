"""A training that starts from a trained model."""

import json

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.models.autoencoders.vae.model import KIND
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.training.start import WEIGHTS, load_start, start_folder
from tiny_vae import RATE, SAMPLES, tiny_config, tiny_vae

SETTINGS = {"precision": "float32", "validate_every": 5, "log_every": 5, "beta_warmup_steps": 5, "warmup_steps": 100}


def budget(steps):
    return {"steps": steps, "batch_size": 4}


def weights_of(folder, name="no_nf"):
    return (folder / f"models/tones/{name}/0/weights.safetensors").read_bytes()


@pytest.fixture
def trained(tone_project_at, start_train_stage):
    """Trains in a folder; returns what the stage printed on standard error."""

    def run(folder, steps, name="no_nf", **settings):
        folder.mkdir(exist_ok=True)
        tone_project_at(folder, name, {}, budget(steps), **{**SETTINGS, **settings})
        process = start_train_stage(folder, name, FLOWSHOT_TRACKING="later")
        err = process.communicate()[1]
        return process.returncode, err

    return run


def test_a_training_starts_from_a_trained_model(trained, tmp_path):
    assert trained(tmp_path, 10)[0] == 0
    before = weights_of(tmp_path)
    assert trained(tmp_path, 1, "fine", start_from="tones/no_nf/0", learning_rate=1e-30) == (0, "")
    assert weights_of(tmp_path, "fine") == before
    record = json.loads((tmp_path / "runs/train/tones/fine/0/run.json").read_text())
    assert record["precision"] == "float32"
    assert record["parameters"]["start"] == sha256_of_file(tmp_path / "models/tones/no_nf/0" / WEIGHTS)
    with pytest.raises(FlowshotError, match=r"start_from: tones/other/0: no trained model; name DATASET/MODEL/SEED"):
        start_folder("tones/other/0")


@pytest.mark.parametrize(
    ("changed", "card", "message"),
    [
        ({}, {"sample_rate": 8000}, "its sample_rate is 8000, but that of this model is 16000"),
        ({}, {"clip_samples": 128}, "its clip_samples is 128, but that of this model is 256"),
        ({}, {"kind": "rave"}, "its kind is rave, but that of this model is vae"),
        ({"latent_size": 3}, {}, r"is \[.*3\].*, but that of this model is \[.*4\]"),
        ({"prior_flow": "nsf"}, {}, "its prior_flow is nsf, but that of this model is none"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_one_line(tmp_path, changed, card, message):
    ours = ModelCard("vae", tiny_config(), "tones", RATE, SAMPLES, {})
    theirs = {"kind": "vae", "sample_rate": RATE, "clip_samples": SAMPLES} | card
    start = tiny_vae(**changed)
    save_model(tmp_path, KIND, ModelCard(config=start.config, dataset="a", files={}, **theirs), start.state_dict())
    with pytest.raises(FlowshotError, match=message) as caught:
        load_start(start_folder(str(tmp_path)), tiny_vae(), ours)
    assert "\n" not in str(caught.value)
    (tmp_path / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(FlowshotError, match="no usable model"):
        load_start(tmp_path, tiny_vae(), ours)


def test_weights_of_the_same_shapes_and_another_function_are_refused(tmp_path):
    theirs = {"posterior_flow": "iaf", "prior_flow": "maf", "decoder_dilations": (1, 3)}
    start, model = tiny_vae(**theirs), tiny_vae(posterior_flow="maf", prior_flow="iaf", decoder_dilations=(1, 9))
    cards = [ModelCard("vae", each.config, "tones", RATE, SAMPLES, {}) for each in (start, model)]
    save_model(tmp_path, KIND, cards[0], start.state_dict())
    with pytest.raises(FlowshotError) as caught:
        load_start(tmp_path, model, cards[1])
    message = str(caught.value)
    assert "its posterior_flow is iaf, but that of this model is maf; its prior_flow is maf, but that" in message
    assert "its decoder_dilations is (1, 3), but that of this model is (1, 9)" in message


def test_a_start_with_a_rave_is_refused_because_of_what_a_trained_one_lacks(tmp_path):
    card = ModelCard("rave", tiny_config(), "tones", RATE, SAMPLES, {})
    save_model(tmp_path, KIND, card, {})
    with pytest.raises(FlowshotError, match=r"a trained rave keeps no discriminators; give its entry"):
        load_start(tmp_path, tiny_vae(), card)
