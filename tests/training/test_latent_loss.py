"""What is charged for the divergence, at every option that `params.yaml` gives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from flowshot.models.autoencoders.vae.inference import AggressiveInference
from hypothesis import given
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Posterior, gaussian_kl
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.loop import train
from flowshot.models.autoencoders.vae.objective import Objective
from flowshot.models.autoencoders.vae.vae import VAE, Reconstruction
from flowshot.optimisation.schedules import cyclical_beta_at
from flowshot.training.config import BudgetConfig, LossConfig, TrainConfig
from flowshot.training.latent_loss import CONTROLLER_LIMITS, LatentLoss, controlled_beta, with_free_bits
from flowshot.training.likelihood import likelihood_of, log_likelihood, log_normaliser, misfit
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.optimizer import scheduled_adam

SAMPLES = 256
LOSS = LossConfig(fft_sizes=(128, 32))
FLOWS = {"posterior_flow": "iaf", "prior_flow": "nsf"}


def settings(**changes):
    values = {
        "beta_warmup_steps": 0, "warmup_steps": 2, "log_every": 1, "validate_every": 4, "precision": "float32",
        "learning_rate": 5e-3, "beta": 0.01, "loss": LOSS,
    }  # fmt: skip
    return TrainConfig(**{**values, **changes})


def tiny_vae(**changes):
    torch.manual_seed(0)
    # Not a default, on which the courses below would depend: some are of use only while the loss goes up and down.
    values = {"bands": 4, "latent_size": 4, "channels": (8, 8), "strides": (4, 4), "upsampling": "linear"}
    values |= {"flow_layers": 1, "flow_width": 8}
    return VAE(VAEConfig(**{**values, **changes}), SAMPLES)


def sines(count, seed=0):
    pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
    time = np.arange(SAMPLES)
    return (0.8 * np.sin(2 * np.pi * pitch * time) * np.exp(-time / 80)).astype(np.float32)


def trained(steps, config, model=None):
    return train(
        model or tiny_vae(), sines(8), sines(5, seed=1), 16000, config, BudgetConfig(steps, 4),
        torch.Generator().manual_seed(0),
    )  # fmt: skip


def output_of(kl_per_dimension):
    """A forward pass whose posteriors have these divergences, `[batch, size]`: by their means alone."""
    mean = (2 * torch.tensor(kl_per_dimension)).sqrt().requires_grad_()
    posterior = Posterior(mean, torch.zeros_like(mean))
    kl = gaussian_kl(mean, posterior.log_scale).sum(-1)
    return Reconstruction(torch.zeros(len(mean), 1), mean, kl, posterior)


@given(
    cycles=st.integers(1, 8),
    steps=st.integers(8, 1000),
    beta=st.sampled_from([1e-3, 1.0, 1000.0]),
)
def test_a_cycle_rises_from_zero_over_its_first_half_and_stays_over_the_second(cycles, steps, beta):
    values = [cyclical_beta_at(step, beta, cycles, steps) for step in range(steps)]
    assert values[0] == 0 and min(values) >= 0 and max(values) <= beta
    period = steps / cycles
    for step, value in enumerate(values):
        phase = (step % period) / period
        assert value == pytest.approx(beta * min(1, 2 * phase), abs=1e-9)


def test_the_schedule_that_is_named_is_the_one_in_the_history():
    config = settings(beta_schedule="cyclical", beta_cycles=2, beta=0.5)
    assert [row["beta"] for row in trained(8, config).history] == pytest.approx([0, 0.25, 0.5, 0.5] * 2)


def test_free_bits_charge_what_lies_above_the_allowance_of_each_dimension():
    output = output_of([[2.0, 0.1], [4.0, 0.3]])
    loss = LatentLoss(settings(free_bits=0.5, free_bits_of="dimension"), 10, gaussian=True)
    charged = loss.charged(output)
    assert float(charged.detach()) == pytest.approx(3.0 + 0.5)
    charged.backward()
    gradient = output.posterior.mean.grad
    assert (gradient[:, 0] > 0).all(), "it is charged"
    assert (gradient[:, 1] == 0).all(), "it is free, and nothing is gained by making it smaller"


def test_free_bits_of_the_whole_latent_ask_for_no_parts():
    output = output_of([[2.0, 0.1], [4.0, 0.3]])
    for free, expected in ((1.0, 3.2), (1.6, 3.2), (2.0, 4.0)):
        loss = LatentLoss(settings(free_bits=free), 10, gaussian=False)
        assert float(loss.charged(output).detach()) == pytest.approx(expected)


def test_without_free_bits_the_whole_divergence_is_charged():
    output = output_of([[2.0, 0.1], [4.0, 0.3]])
    for of in ("total", "dimension"):
        assert float(
            LatentLoss(settings(free_bits_of=of), 10, gaussian=True).charged(output).detach()
        ) == pytest.approx(3.2)


@pytest.mark.parametrize("of", ["total", "dimension"])
def test_weights_are_kept_by_a_loss_that_charges_what_training_charges(of):
    config = settings(free_bits=8.0, free_bits_of=of, beta=1.0)
    row = trained(2, config).history[-1]
    allowance = 8.0 * tiny_vae().config.latent_size
    assert row["valid_kl"] < allowance
    assert row["valid_loss"] == pytest.approx(row["valid_reconstruction"] + allowance, rel=1e-6)


@given(kl=st.lists(st.floats(0, 50), min_size=1, max_size=6), free=st.floats(0.01, 10))
def test_what_is_charged_is_never_below_the_divergence_or_the_allowance(kl, free):
    values = torch.tensor([kl], dtype=torch.float64)
    charged = float(with_free_bits(values, free))
    assert charged >= float(values.sum()) - 1e-9 and charged >= free * len(kl) - 1e-9
    assert charged <= float(values.sum()) + free * len(kl) + 1e-9


def test_free_bits_of_dimensions_under_a_flow_are_an_error_that_names_the_remedy():
    config = settings(free_bits=0.5, free_bits_of="dimension")
    for flows in ({"posterior_flow": "iaf"}, {"prior_flow": "nsf"}):
        with pytest.raises(FlowshotError, match=r"without flows.*free_bits_of: total"):
            trained(1, config, tiny_vae(**flows))
    LatentLoss(replace(config, free_bits=0.0), 1, gaussian=False)


@pytest.mark.parametrize("flows", [{}, FLOWS], ids=["no_nf", "nf_both"])
def test_free_bits_keep_a_divergence_that_a_high_price_would_take_away(flows):
    config = settings(beta=100.0, learning_rate=1e-2)
    last = [
        trained(80, replace(config, free_bits=free), tiny_vae(**flows)).history[-1]["valid_kl"] for free in (0.0, 2.0)
    ]
    assert last[0] < 5 and last[1] > 6, "8 nats are free"


def test_the_controller_finds_the_weight_of_its_target():
    """Of a divergence that follows the weight as that of a Gaussian channel does, with a delay."""
    beta, kl = 1.0, 80.0
    for _ in range(1000):
        beta = controlled_beta(beta, kl, 20.0)
        kl += 0.2 * (16 * math.log1p(10 / beta) - kl)
    assert kl == pytest.approx(20.0, rel=0.01)


@given(beta=st.floats(1e-6, 1e6), kl=st.floats(0, 1e9), target=st.floats(0.1, 100))
def test_the_controller_moves_towards_the_target_and_stays_within_its_limits(beta, kl, target):
    moved = controlled_beta(beta, kl, target)
    low, high = CONTROLLER_LIMITS
    assert low <= moved <= high
    assert (moved - beta) * (kl - target) >= 0
    assert 0.97 < moved / beta < 1.03


def test_a_training_with_a_target_ends_near_it():
    config = settings(target_kl=6.0, beta=0.1, learning_rate=1e-2, validate_every=100)
    history = trained(400, config).history
    assert history[0]["train_kl"] > 9, "else nothing was to be done"
    last = [row["train_kl"] for row in history[-20:]]
    assert sum(last) / len(last) == pytest.approx(6.0, rel=0.3)
    assert history[-1]["beta"] != pytest.approx(0.1)


def test_under_a_target_the_best_weights_are_the_last():
    result = trained(8, settings(target_kl=6.0, learning_rate=0.1))
    assert result.best_step == 8


def test_updates_of_the_encoder_alone_leave_decoder_and_prior_alone_until_information_stops_rising():
    model, config = tiny_vae(**FLOWS), settings(aggressive_steps=3)
    optimizer, _ = scheduled_adam(model, config, 10)
    objective = Objective(
        model, ReconstructionLoss(LOSS, 16000), LatentLoss(config, 10, False), torch.Generator().manual_seed(0), False
    )
    inference = AggressiveInference(objective, optimizer, config)
    batches = iter([torch.from_numpy(sines(4, seed)) for seed in range(9)])
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def moved():
        changed = {name.split(".")[0] for name, value in model.state_dict().items() if (value != before[name]).any()}
        return changed

    inference.update(batches, 0)
    assert moved() == {"encoder", "heads", "posterior_flow"} | ({"context"} & moved())
    inference.observe(1.0)
    inference.observe(1.5)
    inference.update(batches, 1)
    assert len(list(batches)) == 3, "three batches for each of two updates"
    inference.observe(1.5)
    inference.update(iter([]), 2)
    assert inference.steps == 0


def test_a_training_with_updates_of_the_encoder_alone_has_the_steps_of_its_budget():
    plain, aggressive = (trained(4, settings(aggressive_steps=steps, validate_every=2)) for steps in (0, 2))
    assert [row["step"] for row in plain.history] == [row["step"] for row in aggressive.history]
    assert any((plain.last[name] != aggressive.last[name]).any() for name in plain.last)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_the_likelihood_is_that_of_torch(kind):
    estimate, target = torch.rand(2, 3, 50)
    family = torch.distributions.Laplace if kind == "laplace" else torch.distributions.Normal
    expected = family(estimate, 0.1).log_prob(target).sum(-1)
    torch.testing.assert_close(log_likelihood(estimate, target, kind, 0.1), expected)
    torch.testing.assert_close(-misfit(estimate, target, kind, 0.1) - log_normaliser(50, kind, 0.1), expected)
    assert likelihood_of(LossConfig()) is None
    chosen = likelihood_of(LossConfig(likelihood=kind, likelihood_scale=0.1))
    torch.testing.assert_close(chosen(estimate, target), expected)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_with_a_likelihood_the_reconstruction_loss_is_its_misfit_alone(kind):
    loss = ReconstructionLoss(LossConfig(likelihood=kind, likelihood_scale=0.1), 16000)
    estimate, target = torch.rand(2, 3, 50)
    total, terms = loss(estimate, target)
    torch.testing.assert_close(total, misfit(estimate, target, kind, 0.1))
    assert set(terms) == {"misfit"} and float(loss(target, target)[0].sum()) == 0


def test_a_weaker_decoder_leaves_the_encoder_as_it_is():
    plain, weak = tiny_vae(), tiny_vae(decoder_channels=(2, 2))
    sizes = [
        {part: sum(p.numel() for p in getattr(model, part).parameters()) for part in ("encoder", "decoder")}
        for model in (plain, weak)
    ]
    assert sizes[0]["encoder"] == sizes[1]["encoder"] and sizes[1]["decoder"] < sizes[0]["decoder"] / 2
    assert weak(torch.zeros(2, SAMPLES)).clips.shape == (2, SAMPLES)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        (TrainConfig, {"free_bits": -1.0}, "negative"),
        (TrainConfig, {"target_kl": 5.0, "beta": 0.0}, "beta above 0"),
        (TrainConfig, {"target_kl": 5.0, "free_bits": 1.0}, "choose one"),
        (TrainConfig, {"beta_cycles": 0}, "beta_cycles"),
        (LossConfig, {"likelihood_scale": 0.0}, "likelihood_scale"),
        (VAEConfig, {"decoder_channels": (4,)}, "decoder_channels"),
    ],
)
def test_options_out_of_their_limits_are_errors(section, change, message):
    with pytest.raises(ValueError, match=message):
        section(**change)
