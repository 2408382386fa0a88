import json
import shutil

import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.storage import ModelCard, load_model, save_model

SMALL = {"bands": 4, "latent_size": 3, "channels": (4, 6), "strides": (4, 2), "flow_layers": 1, "flow_width": 8}
BOTH = VAEConfig(**SMALL, posterior_flow="iaf", prior_flow="nsf")


def save(folder, config=BOTH):
    torch.manual_seed(0)
    model = VAE(config, 250).eval()
    folder.mkdir()
    last = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    save_model(folder, ModelCard(config, "synth", 8000, 250), model.state_dict(), last)
    return model


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "model")
    return tmp_path / "model"


def assert_one_line(folder):
    with pytest.raises(FlowshotError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message and "dvc repro" in message
    assert len(message) < 500
    return message


def test_a_model_comes_back_exactly(tmp_path):
    model = save(tmp_path / "model")
    loaded, card = load_model(tmp_path / "model")
    assert card == ModelCard(BOTH, "synth", 8000, 250)
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


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_truncated_weights_are_one_line(folder, kept):
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    assert_one_line(folder)


def test_weights_of_another_configuration_are_one_line_that_says_what_differs(folder, tmp_path):
    save(tmp_path / "other", VAEConfig(**{**SMALL, "latent_size": 5}))
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    assert "heads.weight" in assert_one_line(folder) or "posterior_flow" in assert_one_line(folder)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    "change",
    [
        {"autoencoder": None},
        {"autoencoder": []},
        {"autoencoder": {"latent_size": 1}},
        {"autoencoder": {"depth": 1}},
        {"autoencoder": {"bands": "many"}},
        {"autoencoder": {"channels": [], "strides": []}},
        {"autoencoder": {"posterior_flow": "spline"}},
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
