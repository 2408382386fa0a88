"""What is charged for the divergence, at every option that `params.yaml` gives."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.training.config import LossConfig
from flowshot.training.latent_loss import CONTROLLER_LIMITS, charged_divergence, controlled_beta
from flowshot.training.likelihood import likelihood_of, log_likelihood, misfit
from flowshot.training.losses import ReconstructionLoss
from tiny_vae import FLOWS, run, tiny_vae
from tiny_vae import settings as tiny_settings


def settings(**changes):
    return tiny_settings(**{"beta_warmup_steps": 0, "log_every": 1, **changes})


def loss_config(**changes):
    return default(LossConfig, "train.loss", **changes)


def trained(steps, config, model=None):
    return run(steps, model, config=config)


def divergences():
    return torch.tensor([2.1, 4.3], requires_grad=True)


def test_free_bits_charge_what_lies_above_the_allowance_of_the_whole_latent():
    for free, expected, gradient in ((1.0, 3.2, 0.5), (2.0, 4.0, 0.0)):
        kl = divergences()
        charged = charged_divergence(kl, settings(free_bits=free), 2)
        assert float(charged.detach()) == pytest.approx(expected)
        charged.backward()
        assert kl.grad.tolist() == [gradient] * 2, "what is free gains nothing by being made smaller"


def test_without_free_bits_the_whole_divergence_is_charged():
    assert float(charged_divergence(divergences(), settings(), 2).detach()) == pytest.approx(3.2)


def test_weights_are_kept_by_a_loss_that_charges_what_training_charges():
    config = settings(free_bits=8.0, beta=1.0)
    row = trained(2, config).history[-1]
    allowance = 8.0 * tiny_vae().config.latent_size
    assert row["valid_kl"] < allowance
    parts = row["valid_reconstruction"] + row["valid_extra"] + allowance
    assert row["valid_loss"] == pytest.approx(parts, rel=1e-6)


@pytest.mark.parametrize("flows", [{}, FLOWS], ids=["no_nf", "nf_both"])
def test_free_bits_keep_a_divergence_that_a_high_price_would_take_away(flows):
    config = settings(beta=100.0, learning_rate=3e-3, validate_every=80)
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
    config = settings(target_kl=6.0, beta=0.1, learning_rate=1e-2, validate_every=200)
    history = trained(200, config).history
    assert history[0]["train_kl"] > 9, "else nothing was to be done"
    last = [row["train_kl"] for row in history[-20:]]
    assert sum(last) / len(last) == pytest.approx(6.0, rel=0.3)
    assert history[-1]["beta"] != pytest.approx(0.1)


def test_under_a_target_the_best_weights_are_the_last():
    result = trained(8, settings(target_kl=6.0, learning_rate=0.1))
    assert result.best_step == 8


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_the_likelihood_is_that_of_torch(kind):
    estimate, target = torch.rand(2, 3, 50)
    family = torch.distributions.Laplace if kind == "laplace" else torch.distributions.Normal
    expected = family(estimate, 0.1).log_prob(target).sum(-1)
    torch.testing.assert_close(log_likelihood(estimate, target, kind, 0.1), expected)
    assert likelihood_of(loss_config()) is None
    chosen = likelihood_of(loss_config(likelihood=kind, likelihood_scale=0.1))
    torch.testing.assert_close(chosen(estimate, target), expected)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_with_a_likelihood_the_reconstruction_loss_is_its_misfit_alone(kind):
    loss = ReconstructionLoss(loss_config(likelihood=kind, likelihood_scale=0.1), 16000)
    estimate, target = torch.rand(2, 3, 50)
    total, terms = loss(estimate, target)
    torch.testing.assert_close(total, misfit(estimate, target, kind, 0.1))
    assert set(terms) == {"misfit"} and float(loss(target, target)[0].sum()) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"free_bits": -1.0}, "negative"),
        ({"target_kl": 5.0, "beta": 0.0}, "beta above 0"),
        ({"target_kl": 5.0, "free_bits": 1.0}, "choose one"),
        ({"loss": {"likelihood_scale": 0.0}}, "likelihood_scale"),
    ],
)
def test_options_out_of_their_limits_are_errors(change, message):
    with pytest.raises(FlowshotError, match=message):
        settings(**change)


def test_the_controller_moves_by_a_fiftieth_of_the_relative_error_which_is_cut_at_one():
    for target in (2.0, 20.0):
        assert controlled_beta(1.0, 1.5 * target, target) == pytest.approx(math.exp(0.01))
        assert controlled_beta(1.0, 0.75 * target, target) == pytest.approx(math.exp(-0.005))
        assert controlled_beta(1.0, 9 * target, target) == pytest.approx(math.exp(0.02))
