"""The real RAVE behind the VAE's interface: what needs the extra is skipped without it, and says so."""

import dataclasses
import importlib.util
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.rave.model import KIND, RaveAutoencoder, RaveConfig
from flowshot.models.autoencoders.rave.training import check_validation_frames, row_of, train
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.base.kind import ModelCard, save_model
from seeded import generator
from training_jobs import job_on

TINY = RaveConfig("v2_small", 4, 4, ratios=(4, 4, 4, 2), phase_1_share=0.5, train_samples=32768)
SAMPLES, RATE = 5000, 16000
needs_rave = pytest.mark.skipif(importlib.util.find_spec("rave") is None, reason="the extra `rave` is not installed")


def tones(count):
    time = np.arange(SAMPLES) / RATE
    return np.stack([0.5 * np.sin(2 * np.pi * (200 + 60 * i) * time) * np.exp(-9 * time) for i in range(count)]).astype(
        np.float32
    )


def tiny_rave():
    torch.manual_seed(0)
    return RaveAutoencoder(TINY, SAMPLES, RATE)


def test_without_the_package_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FlowshotError, match=r"acids-rave .*make setup EXTRAS=rave") as caught:
        KIND.check("rave", TINY, SAMPLES, RATE)
    assert "\n" not in str(caught.value)


def test_clips_that_are_longer_than_training_are_refused_before_anything_is_built():
    with pytest.raises(FlowshotError, match="clips have 40000 samples; raise it"):
        RaveAutoencoder(TINY, 40000, RATE)


@pytest.mark.parametrize(
    "wrong", [{"latent_size": 1}, {"ratios": (4, 4)}, {"phase_1_share": 0.0}, {"train_samples": 16384}]
)
def test_sizes_that_rave_cannot_have_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(TINY, **wrong)


def test_a_frame_is_as_long_as_bands_and_ratios_say():
    assert TINY.frame_samples == 2048
    assert dataclasses.replace(TINY, ratios=(4, 2, 2, 2)).frame_samples == 512
    assert dataclasses.replace(TINY, train_samples=40000).padded_samples == 20 * 2048


def test_too_few_validation_frames_for_principal_components_are_one_line():
    model = SimpleNamespace(padded=32768, ratio=2048, config=dataclasses.replace(TINY, latent_size=40))
    check_validation_frames(model, 3)
    with pytest.raises(FlowshotError, match=r"2 validation clips have 32 frames, .* 40 latent dimensions"):
        check_validation_frames(model, 2)


def test_what_rave_logs_becomes_a_row_in_nats():
    """Its divergence is twice the nats and an average over frames, times its beta."""
    logged = {"multiband_a": 1.0, "fullband_b": 2.0, "regularization": 0.6, "beta_factor": 0.1}
    row = row_of(logged, 30, 0.1, 16)
    assert row["step"] == 30 and row["train_reconstruction"] == 3.0
    assert row["train_loss"] == pytest.approx(3.6)
    assert row["train_kl"] == pytest.approx(0.6 / 0.1 / 2 * 16)
    assert row["fullband_b"] == 2.0 and "beta_factor" not in row


@needs_rave
@torch.no_grad()
def test_rave_encodes_to_a_flat_sequence_and_decodes_clips():
    model, clips = tiny_rave().eval(), torch.from_numpy(tones(3))
    assert model.latent_shape == (4, 3) and model.latent_size == 12
    latents = model.encode(clips, generator(), draws=2)
    assert latents.shape == (3, 2, 12)
    decoded = model.decode(latents[:, 0], generator())
    assert decoded.shape == clips.shape and decoded.abs().max() <= 1
    assert (decoded == model.decode(latents[:, 0], generator())).all()
    assert model.prior.sample(5, generator()).shape == (5, 12)
    # With its own frames of silence behind them, as RAVE decodes all that it encoded.
    means = model.rave.encode(model.pad(torch.zeros_like(clips))).chunk(2, 1)[0]
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the noise that the decoder adds
        whole = model.rave.decode(means)[:, 0, :SAMPLES].clamp(-1, 1)
    torch.testing.assert_close(model.decode(means[..., :3].flatten(1)), whole, atol=1e-4, rtol=0)


@needs_rave
@torch.no_grad()
def test_the_posterior_is_what_rave_draws_from():
    """Moments of many of RAVE's own draws."""
    model, clips = tiny_rave().eval(), torch.from_numpy(tones(1))
    posterior, encoded = model.posterior(clips), model.rave.encode(model.pad(clips))
    draws = torch.stack([model.rave.encoder.reparametrize(encoded)[0] for _ in range(2000)])[:, 0, :, :3].flatten(1)
    error = posterior.log_scale.exp()[0] / math.sqrt(2000)
    assert ((draws.mean(0) - posterior.mean[0]).abs() < 5 * error).all()
    assert (draws.std(0) / posterior.log_scale.exp()[0] - 1).abs().max() < 0.1


@needs_rave
@pytest.mark.parametrize("validate_every", [2, 100])  # 100: not before the second phase
def test_rave_trains_in_both_phases_and_comes_back_from_its_files(tmp_path, validate_every):
    model, rows = tiny_rave(), []
    before = model.rave.discriminator.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    job = job_on(
        tones(5),
        tones(3),
        train_section={"log_every": 1, "validate_every": validate_every},
        on_row=lambda row: rows.append(dict(row)),
    )
    trained = train(model, job)
    assert [row["step"] for row in trained.history] == [1, 2, 3, 4] and len(rows) == 4
    last = trained.history[-1]
    if "valid_reconstruction" in rows[-1]:
        assert last["valid_reconstruction"] == pytest.approx(rows[-1]["valid_reconstruction"])
    assert last["reconstruction_gap"] == pytest.approx(
        last["valid_reconstruction"] - last["train_reconstruction_clean"]
    )
    assert "adversarial" in trained.history[3] and "adversarial" not in trained.history[0]
    after = model.rave.discriminator.state_dict()
    assert any((before[name] != value).any() for name, value in after.items()), "the second phase did nothing"
    assert model.rave.receptive_field.all() and model.rave.fidelity.any()
    card = ModelCard("rave", TINY, "tones", RATE, SAMPLES, {})
    save_model(tmp_path, KIND, card, trained.best)
    loaded, read = load_autoencoder(tmp_path)
    assert read == card
    with torch.no_grad():
        latents = torch.randn(2, 12, generator=generator())
        assert (loaded.decode(latents) == model.eval().decode(latents)).all()
