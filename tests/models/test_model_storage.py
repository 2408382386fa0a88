import json
import shutil

import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.autoencoders.vae.model import KIND
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard, save_model
from tiny_vae import FLOWS, tiny_config

BOTH = tiny_config(**FLOWS)


def card_of(config, files=None):
    return ModelCard("vae", config, "synth", 8000, 250, files or {})


def save(folder, config=BOTH):
    torch.manual_seed(0)
    model = VAE(config, 250, 8000).eval()
    folder.mkdir()
    save_model(folder, KIND, card_of(config), model.state_dict())
    return model


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "model")
    return tmp_path / "model"


def assert_one_line(folder):
    with pytest.raises(FlowshotError) as caught:
        load_autoencoder(folder)
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message and "dvc repro" in message
    assert len(message) < 500
    return message


def test_a_model_comes_back_exactly(tmp_path):
    model = save(tmp_path / "model")
    loaded, card = load_autoencoder(tmp_path / "model")
    assert card == card_of(BOTH)
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert (loaded.state_dict()[name] == value).all(), name
    clips = torch.rand(2, 250, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.no_grad():
        first, second = (m(clips, torch.Generator().manual_seed(1)) for m in (model, loaded))
    assert (first.clips == second.clips).all() and (first.kl == second.kl).all()


def test_a_folder_without_model_is_one_line(tmp_path):
    assert_one_line(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
def test_a_missing_file_is_one_line(folder, name):
    (folder / name).unlink()
    assert name in assert_one_line(folder)


def test_weights_of_another_configuration_are_one_line_that_says_what_differs(folder, tmp_path):
    save(tmp_path / "other", tiny_config(latent_size=5))
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    assert "heads.weight" in assert_one_line(folder) or "posterior_flow" in assert_one_line(folder)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": []},
        {"config": {"latent_size": 1}},
        {"config": {"depth": 1}},
        {"config": {"bands": "many"}},
        {"config": {"channels": [], "strides": []}},
        {"config": {"posterior_flow": "spline"}},
        {"clip_samples": None},
        {"clip_samples": 0},
        {"clip_samples": -5},
        {"clip_samples": []},
        {"sample_rate": "fast"},
    ],
    ids=str,
)
def test_a_damaged_configuration_is_one_line(folder, change):
    card = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**card, **change}))
    assert_one_line(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"model"', "\ufeff{}"])
def test_a_configuration_that_is_no_mapping_is_one_line(folder, text):
    (folder / "config.json").write_text(text)
    assert_one_line(folder)


def test_weights_hold_no_code(folder):
    """A pickle under the name of the weights is refused, not run."""
    torch.save({"encoder": torch.zeros(1)}, folder / "weights.safetensors")
    assert_one_line(folder)
