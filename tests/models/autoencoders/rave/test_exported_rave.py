"""A RAVE of the user's, as TorchScript: what is refused before it runs, and the interface of the VAE around it."""

import importlib.util
import logging
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from exported_files import DIMENSIONS, RATIO, write_export
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.latent import diagnose
from flowshot.generation.sampling import reconstruct_clips, sample_clips
from flowshot.models.autoencoders.exported_rave.model import EXPORTED, KIND, ExportedRave, ExportedRaveConfig
from flowshot.models.autoencoders.rave.model import SMALLEST_SCALE, RaveConfig, rave_configuration
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.optimisation.progress import copy_weights
from flowshot.priors.gmm import GaussianMixturePrior, GaussianMixturePriorConfig

SAMPLES, RATE = 100, 16000
needs_rave = pytest.mark.skipif(importlib.util.find_spec("rave") is None, reason="the extra `rave` is not installed")


def config_of(path, trust=True, delay=0):
    return ExportedRaveConfig(str(path), trust, delay)


def load(path, **settings):
    return ExportedRave(config_of(path, **settings), path, SAMPLES, RATE)


def waves(count, samples=SAMPLES):
    """Low enough for the tiny export to follow them."""
    pitch = np.random.default_rng(0).uniform(0.001, 0.004, (count, 1))
    return (0.8 * np.sin(2 * np.pi * pitch * np.arange(samples) + 1)).astype(np.float32)


def refusal(path, **settings):
    with pytest.raises(FlowshotError) as caught:
        load(path, **settings)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_code_is_not_loaded_before_somebody_says_that_it_is_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *arguments, **named: pytest.fail("it was loaded"))
    path = write_export(tmp_path / "model.ts")
    assert "TorchScript, which runs code" in refusal(path, trust=False)
    with pytest.raises(FlowshotError, match="set `trust: true`"):
        KIND.check("my_rave", config_of(path, trust=False), SAMPLES, RATE)


def test_a_file_that_is_missing_or_something_else_is_one_line(tmp_path):
    path = tmp_path / "model.ts"
    assert "not found" in refusal(path)
    path.write_text("no archive")
    assert "is not an exported RAVE" in refusal(path)
    torch.save({"state_dict": {}}, path)
    assert "is not an exported RAVE" in refusal(path)
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(path))
    assert "is not an exported RAVE" in refusal(path) and "encode_params" in refusal(path)
    path.write_bytes(write_export(tmp_path / "whole.ts").read_bytes()[:-100])
    assert "is not an exported RAVE" in refusal(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 44100}, "is for 44100 Hz, but the clips have 16000 Hz"),
        ({"channels": 2}, "is for several channels, but clips have one"),
        ({"kind": "noisy"}, "is not an exported RAVE"),
        ({"kind": "short"}, "is not an exported RAVE (it gives the shapes [[2, 2, 3]"),
        ({"kind": "failing"}, "is not an exported RAVE (RuntimeError: AssertionError: this model is broken)"),
    ],
)
def test_a_model_that_does_something_else_is_refused(settings, message, tmp_path):
    assert message in refusal(write_export(tmp_path / "model.ts", **settings))


def test_clips_are_padded_to_frames_and_come_back_in_their_length(tmp_path):
    model, clips = load(write_export(tmp_path / "model.ts")), torch.from_numpy(waves(5))
    assert model.latent_shape == (DIMENSIONS, math.ceil(SAMPLES / RATIO))
    decoded = model.decode(model.encode_mean(clips))
    assert decoded.shape == clips.shape
    error = (decoded - clips)[:, : SAMPLES // RATIO * RATIO].square().mean()
    assert error < 0.05 * clips.square().mean()
    assert sum(parameter.numel() for parameter in model.parameters()) == DIMENSIONS * RATIO


def test_an_encoder_that_draws_nothing_has_a_posterior_of_fixed_width(tmp_path):
    posterior = load(write_export(tmp_path / "model.ts")).posterior(torch.from_numpy(waves(2)))
    torch.testing.assert_close(posterior.log_scale, torch.full_like(posterior.mean, math.log(SMALLEST_SCALE)))


def test_a_streaming_export_hears_nothing_of_the_clips_before(tmp_path):
    """Its caches have three rows: more clips at once it would refuse."""
    model, clips = load(write_export(tmp_path / "model.ts", late=20), delay=20), torch.from_numpy(waves(7))
    together = model.encode_mean(clips)
    assert model.latent_shape[1] == math.ceil((SAMPLES + 20) / RATIO)
    torch.testing.assert_close(model.encode_mean(clips[4:5]), together[4:5])
    # What was held back is cut away, so that a clip begins where it began.
    plain = load(write_export(tmp_path / "plain.ts"))
    error = (model.decode(together) - clips)[:, RATIO : -2 * RATIO].square().mean()
    assert error < 0.05 * clips.square().mean()
    assert model.decode(together).shape == plain.decode(plain.encode_mean(clips)).shape


def saved(folder, path):
    card = ModelCard("exported_rave", config_of(path), "waves", RATE, SAMPLES, {})
    model = KIND.build(card, None)
    folder.mkdir()
    save_model(folder, KIND, card, copy_weights(model))
    return model


def test_the_folder_of_a_model_does_without_the_file_it_was_made_of(tmp_path):
    path, clips = write_export(tmp_path / "model.ts"), torch.from_numpy(waves(2))
    model = saved(tmp_path / "model", path)
    path.unlink()
    shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    loaded, card = load_autoencoder(tmp_path / "elsewhere")
    assert torch.equal(loaded.encode_mean(clips), model.encode_mean(clips))
    assert card.config.path == str(path) and len(card.files[EXPORTED]) == 64


def test_a_copy_that_is_not_the_recorded_one_is_not_run(tmp_path):
    saved(tmp_path / "model", write_export(tmp_path / "model.ts"))
    write_export(tmp_path / "model" / EXPORTED, late=3)
    with pytest.raises(FlowshotError, match=r"exported.ts is not the file that config.json names") as caught:
        load_autoencoder(tmp_path / "model")
    assert "\n" not in str(caught.value)
    (tmp_path / "model" / EXPORTED).unlink()
    with pytest.raises(FlowshotError, match="no usable model"):
        load_autoencoder(tmp_path / "model")


@pytest.fixture(scope="module")
def real_export(tmp_path_factory):
    """What acids-rave's own export makes of a tiny RAVE with principal components as a training leaves them."""
    folder, gradients, level = tmp_path_factory.mktemp("rave"), torch.is_grad_enabled(), logging.root.level
    import rave

    spec = importlib.util.spec_from_file_location("rave_export", Path(rave.__file__).parents[1] / "scripts/export.py")
    export = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(export)  # a script: it switches gradients off, and its logging on
        logging.disable(logging.INFO)
        torch.manual_seed(0)
        with rave_configuration(
            RaveConfig("v2_small", 8, 2, ratios=(4, 4, 4, 2), phase_1_share=0.75, train_samples=32768), RATE
        ) as package:
            model = package.RAVE(n_channels=1).eval()
        model.latent_pca.copy_(torch.linalg.qr(torch.randn(8, 8))[0])
        model.latent_mean.normal_()
        model.fidelity.copy_(torch.linspace(0.7, 1, 8))
        for module in model.modules():
            if hasattr(module, "weight_g"):
                torch.nn.utils.remove_weight_norm(module)
        export.VariationalScriptedRAVE(model, fidelity=0.8).export_to_ts(str(folder / "real.ts"))
    finally:
        torch.set_grad_enabled(gradients)
        logging.disable(logging.NOTSET)
        logging.root.setLevel(level)
    return folder / "real.ts"


@needs_rave
@torch.no_grad()
def test_the_posterior_of_a_real_export_has_the_moments_of_what_it_draws(real_export):
    model = ExportedRave(config_of(real_export), real_export, 5000, RATE)
    assert model.draws and model.latent_shape == (4, 3)
    clips = torch.from_numpy(waves(1, 5000))
    posterior = model.posterior(clips)
    torch.manual_seed(0)
    draws = torch.cat([model.rave.encode(model.pad(clips)) for _ in range(2000)]).flatten(1)
    error = posterior.log_scale.exp()[0] / math.sqrt(2000)
    assert ((draws.mean(0) - posterior.mean[0]).abs() < 5 * error).all()
    assert (draws.std(0) / posterior.log_scale.exp()[0] - 1).abs().max() < 0.1


@needs_rave
@torch.no_grad()
def test_priors_and_samples_need_the_folder_of_a_real_export_alone(real_export, tmp_path):
    """In an interpreter without acids-rave too."""
    card = ModelCard("exported_rave", config_of(real_export), "waves", RATE, 5000, {})
    weights = copy_weights(KIND.build(card, None))
    save_model(tmp_path, KIND, card, weights)
    model, _ = load_autoencoder(tmp_path)
    clips = waves(6, 5000)
    prior = GaussianMixturePrior(GaussianMixturePriorConfig(2, iterations=5, tolerance=1e-4), model.latent_size)
    latents = model.encode(torch.from_numpy(clips), torch.Generator().manual_seed(0), 4).flatten(0, 1)
    prior.fit(latents, latents[:8], torch.Generator().manual_seed(0))
    drawn = sample_clips(model, prior, 5, 2, torch.Generator().manual_seed(0)).clips
    assert drawn.shape == (5, 5000) and np.isfinite(drawn).all() and np.abs(drawn).max() <= 1
    again = reconstruct_clips(model, clips, 4, torch.Generator().manual_seed(0)).clips
    assert (again == reconstruct_clips(model, clips, 4, torch.Generator().manual_seed(0)).clips).all()
    program = f"""
import sys
sys.modules.update(dict.fromkeys(("rave", "gin", "pytorch_lightning", "cached_conv", "nn_tilde")))
import torch
from pathlib import Path
from flowshot.models.autoencoders.registry import load_autoencoder
model, _ = load_autoencoder(Path({str(tmp_path)!r}))
torch.save(model.decode(torch.ones(2, 12)), {str(tmp_path / "decoded.pt")!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    decoded = torch.load(tmp_path / "decoded.pt", weights_only=True)
    torch.testing.assert_close(decoded, model.decode(torch.ones(2, 12)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("late", [0, 32])
def test_an_export_whose_decoder_hears_its_latents_is_not_called_collapsed(late, tmp_path):
    model = load(write_export(tmp_path / "model.ts", late=late), delay=late)
    found = diagnose(model, waves(40), lambda a, b: (a - b).square().mean(-1), torch.Generator().manual_seed(0))
    assert found.used_units > 0 and found.verdict != "collapsed", found.reason
