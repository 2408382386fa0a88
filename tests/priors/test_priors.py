"""What single priors do beyond what every prior must: `own`, `gmm`, and the kinds of `nf`."""

import math

import pytest
import torch

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Prior
from flowshot.densities.flows import Flow
from flowshot.priors.fitting import FitConfig, fit_network
from flowshot.priors.gmm import GaussianMixturePrior, GaussianMixturePriorConfig
from flowshot.priors.nf import FlowPrior, FlowPriorConfig
from flowshot.priors.own import OwnPrior
from flowshot.priors.rave import RavePrior, RavePriorConfig
from flowshot.priors.rectified_flow import RectifiedFlowPrior, RectifiedFlowPriorConfig
from seeded import generator

SIZE = 3


def flow_prior(size=SIZE, **changes):
    torch.manual_seed(0)
    values = {"layers": 2, "width": 16, "steps": 30, "batch_size": 128, "learning_rate": 5e-3, **changes}
    return FlowPrior(default(FlowPriorConfig, "fit_prior.nf", **values), size)


def mixture_prior(components=4, size=SIZE):
    return GaussianMixturePrior(default(GaussianMixturePriorConfig, "fit_prior.gmm", components=components), size)


def rectified_prior(size=SIZE):
    torch.manual_seed(0)
    values = {"layers": 2, "width": 64, "steps": 200, "batch_size": 128, "learning_rate": 5e-3}
    return RectifiedFlowPrior(default(RectifiedFlowPriorConfig, "fit_prior.rectified_flow", **values), size)


def rave_prior(size=SIZE):
    torch.manual_seed(0)
    values = {"layers": 2, "width": 16, "skip": 16, "steps": 100, "learning_rate": 1e-2}
    return RavePrior(default(RavePriorConfig, "fit_prior.rave", **values), size)


def gaussian(count, seed=0):
    """Correlated dimensions of different size, away from 0."""
    mixing = torch.tensor([[2.0, 0.0, 0.0], [0.3, 0.1, 0.0], [-1.0, 0.2, 0.5]])
    return torch.randn(count, SIZE, generator=generator(seed)) @ mixing.T + torch.tensor([5.0, -1.0, 0.0])


def two_moons(count, seed):
    """Two half circles of radius 1 that reach into each other, of width 0.1."""
    draws = generator(seed)
    angle, side = math.pi * torch.rand(count, generator=draws), torch.randint(2, (count,), generator=draws) * 2.0 - 1
    centres = torch.stack([angle.cos() + side / 2, side * (angle.sin() - 0.25)], dim=-1)
    return centres + 0.1 * torch.randn(count, 2, generator=draws)


@pytest.mark.parametrize("kind", ["realnvp", "maf", "iaf"])
def test_every_kind_of_flow_costs_what_a_gaussian_does(kind):
    prior, single = flow_prior(kind=kind), mixture_prior(1)
    for fitted in (prior, single):
        fitted.fit(gaussian(2000), gaussian(400, seed=1), generator())
    held_out = gaussian(1000, seed=2)
    difference = prior.log_prob(held_out) - single.log_prob(held_out)
    assert abs(float(difference.mean())) < 0.05 * SIZE
    assert prior.sample(5, generator()).shape == (5, SIZE)


@pytest.mark.parametrize(
    "make",
    [lambda: flow_prior(2, steps=150), lambda: rectified_prior(2), lambda: rave_prior(2)],
    ids=["nf", "rf", "rave"],
)
def test_two_moons_cost_far_less_than_under_one_gaussian(make):
    train, valid, test = two_moons(2000, 1), two_moons(500, 2), two_moons(1000, 3)
    prior, single = make(), mixture_prior(1, size=2)
    for fitted in (prior, single):
        fitted.fit(train, valid, generator())
    assert float((prior.log_prob(test) - single.log_prob(test)).mean()) > 0.3
    # Not by a density that is none: its own samples cost what the moons cost.
    own = -prior.log_prob(prior.sample(1000, generator(4)))
    assert abs(float(own.mean() + prior.log_prob(test).mean())) < 0.2


@pytest.mark.parametrize("count", [5, 20, 40])
def test_a_mixture_of_fewer_latents_than_dimensions_is_no_worse_than_a_gaussian_of_shrunk_covariance(count):
    latents, validation, test = torch.randn(3, 200, 24, generator=generator())
    prior = mixture_prior(8, size=24)
    prior.fit(latents[:count], validation, generator())
    whitening = prior.mixture.whitening
    shrunk = -0.5 * (whitening(test).square() + math.log(2 * math.pi)).sum(-1) + whitening.log_det
    assert prior.log_prob(test).mean() > shrunk.mean() - 0.5


def test_a_flow_that_only_gets_worse_stays_the_gaussian_it_started_from():
    prior, single = flow_prior(layers=1, width=8, steps=3, batch_size=8, learning_rate=1e3), mixture_prior(1)
    valid = gaussian(200, seed=1)
    for fitted in (prior, single):
        fitted.fit(gaussian(500), valid, generator())
    torch.testing.assert_close(prior.log_prob(valid).mean(), single.log_prob(valid).mean(), atol=0.02, rtol=0)


def test_the_own_prior_is_that_of_the_autoencoder(tmp_path):
    torch.manual_seed(0)
    flow = Flow("nsf", SIZE, layers=2, width=8)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
    prior, latents = OwnPrior(Prior(SIZE, flow)), gaussian(20)
    before = prior.log_prob(latents)
    prior.fit(latents, latents, generator())
    prior.save(tmp_path)
    prior.load(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert (prior.log_prob(latents) == before).all()
    with torch.no_grad():
        assert (before == prior.prior.log_prob(latents)).all()


def test_a_fit_whose_gradient_is_not_finite_is_said():
    network = torch.nn.Linear(1, 1)
    config = FitConfig(steps=3, passes=0, batch_size=2, learning_rate=0.1)
    with pytest.raises(FlowshotError, match=r"stopped at step 1: its gradient is not finite; lower .* learning_rate"):
        fit_network(network, 4, lambda rows: network.weight.sum() * math.nan, lambda: 1.0, config, torch.Generator())


def test_many_latents_take_as_many_passes_as_few_take_steps():
    config = FitConfig(steps=300, passes=8, batch_size=256, learning_rate=0.1)
    assert [config.steps_for(count) for count in (40, 9600, 10_000, 37_160)] == [300, 300, 313, 1162]
