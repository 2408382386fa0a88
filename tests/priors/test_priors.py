"""Every prior behind the one interface: `own`, `nf` of every kind, `gmm`, `rectified_flow`, `rave`."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Prior
from flowshot.densities.flows import Flow
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.latents import draw_latents
from flowshot.priors.gmm import GaussianMixturePrior, GaussianMixturePriorConfig
from flowshot.priors.nf import FlowPrior, FlowPriorConfig
from flowshot.priors.own import OwnPrior
from flowshot.priors.rave import RavePrior, RavePriorConfig
from flowshot.priors.rectified_flow import RectifiedFlowPrior, RectifiedFlowPriorConfig
from flowshot.priors.registry import PRIORS, make_prior

SIZE = 3
KINDS = ("nsf", "realnvp", "maf", "iaf")


def flow_prior(kind="nsf", steps=30, size=SIZE):
    torch.manual_seed(0)
    config = FlowPriorConfig(kind=kind, layers=2, width=16, steps=steps, batch_size=128, learning_rate=5e-3)
    return FlowPrior(config, size)


def mixture_prior(components=4, size=SIZE):
    return GaussianMixturePrior(GaussianMixturePriorConfig(components=components), size)


def rectified_prior(steps=30, size=SIZE, **other):
    torch.manual_seed(0)
    settings = {"layers": 1, "width": 32, "batch_size": 128, "learning_rate": 5e-3, "density_steps": 12, **other}
    return RectifiedFlowPrior(RectifiedFlowPriorConfig(steps=steps, **settings), size)


def rave_prior(steps=30, size=SIZE, frames=1, **other):
    torch.manual_seed(0)
    settings = {"layers": 2, "width": 16, "skip": 16, "batch_size": 128, "learning_rate": 5e-3, **other}
    return RavePrior(RavePriorConfig(steps=steps, **settings), size, frames)


def own_prior(size=SIZE):
    torch.manual_seed(0)
    flow = Flow("nsf", size, layers=2, width=8)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
    return OwnPrior(Prior(size, flow))


# Few steps where the test is not of the fit.
FEW = 2
FITTED = {
    **{kind: lambda steps=30, kind=kind: flow_prior(kind, steps) for kind in KINDS},
    "gmm": lambda steps=0: mixture_prior(),
    "rectified_flow": rectified_prior,
    "rave": rave_prior,
}
OF_FIVE_DIMENSIONS = {
    FlowPrior: lambda: flow_prior(size=5),
    GaussianMixturePrior: lambda: mixture_prior(size=5),
    RectifiedFlowPrior: lambda: rectified_prior(size=5),
    RavePrior: lambda: rave_prior(size=5),
}
every_fitted_prior = pytest.mark.parametrize("make", FITTED.values(), ids=FITTED.keys())
every_prior = pytest.mark.parametrize(
    "make", [*FITTED.values(), lambda steps=0: own_prior()], ids=[*FITTED.keys(), "own"]
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(scale=1.0):
    """Correlated dimensions of different size, away from 0."""
    factor = scale * torch.tensor([[2.0, 0.0, 0.0], [0.3, 0.1, 0.0], [-1.0, 0.2, 0.5]])
    return MultivariateNormal(torch.tensor([5.0, -1.0, 0.0]), scale_tril=factor)


def draws_of(distribution, count, seed=0):
    noise = torch.randn(count, SIZE, generator=generator(seed))
    return distribution.loc + noise @ distribution.scale_tril.T


def two_clusters(count, seed=0):
    """Half at +3, half at -3 in each dimension, of width 0.3."""
    side = torch.randint(2, (count, 1), generator=generator(seed)) * 2.0 - 1
    return 3 * side + 0.3 * torch.randn(count, SIZE, generator=generator(seed + 1))


@every_fitted_prior
def test_the_density_of_gaussian_latents_costs_their_entropy(make):
    """Not more than 0.05 nats a dimension above it, and nothing below it but noise."""
    prior, truth = make(), gaussian()
    prior.fit(draws_of(truth, 4000), draws_of(truth, 500, seed=1), generator())
    held_out = draws_of(truth, 2000, seed=2)
    nats = -prior.log_prob(held_out)
    excess = nats + truth.log_prob(held_out)
    standard_error = float(excess.std()) / len(excess) ** 0.5
    assert -4 * standard_error < float(excess.mean()) < 0.05 * SIZE
    assert float(nats.mean()) == pytest.approx(float(truth.entropy()), abs=0.05 * SIZE + 0.1)


@every_fitted_prior
def test_samples_have_the_moments_of_the_latents(make):
    prior, truth = make(), gaussian()
    prior.fit(draws_of(truth, 4000), draws_of(truth, 500, seed=1), generator())
    samples = prior.sample(4000, generator(3))
    assert samples.shape == (4000, SIZE) and samples.dtype == torch.float32
    assert ((samples.mean(0) - truth.loc).abs() < 0.15 * truth.stddev).all()
    correlation = torch.corrcoef(samples.T)
    assert ((samples.std(0) / truth.stddev - 1).abs() < 0.1).all()
    assert (correlation - torch.corrcoef(draws_of(truth, 50_000).T)).abs().max() < 0.08


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_latents_only_shifts_the_density(scale):
    """By the logarithm of the unit in every dimension: the whitening's log-determinant."""
    values = []
    for unit in (1.0, scale):
        prior, truth = mixture_prior(1), gaussian(unit)
        truth.loc = truth.loc * unit
        prior.fit(draws_of(truth, 500), draws_of(truth, 100, seed=1), generator())
        values.append(float(prior.log_prob(draws_of(truth, 100, seed=2)).mean()))
    assert values[1] - values[0] == pytest.approx(-SIZE * math.log(scale), abs=1e-2)


@every_prior
def test_samples_have_the_density(make):
    """E_p[N(z; m, s) / p(z)] = 1 for a Gaussian that p covers, whatever p is: density and sampler agree."""
    prior = make()
    prior.fit(draws_of(gaussian(), 1000), draws_of(gaussian(), 200, seed=1), generator())
    samples = prior.sample(20_000, generator(1))
    narrow = MultivariateNormal(samples.mean(0), 0.64 * torch.cov(samples.T)).log_prob(samples)
    weights = (narrow - prior.log_prob(samples)).exp().double()
    assert float(weights.mean()) == pytest.approx(1, abs=4 * float(weights.std()) / len(weights) ** 0.5)
    assert weights.std() < 10


@pytest.mark.parametrize("make", [lambda: flow_prior(steps=150), mixture_prior], ids=["nf", "gmm"])
def test_two_clusters_cost_less_than_under_one_gaussian(make):
    train, valid, test = two_clusters(2000), two_clusters(400, seed=5), two_clusters(1000, seed=10)
    single = mixture_prior(1)
    priors = [make(), single]
    for prior in priors:
        prior.fit(train, valid, generator())
    several, one = (float(prior.log_prob(test).mean()) for prior in priors)
    assert several > one + 0.5
    entropy = math.log(2) + SIZE * (math.log(0.3) + 0.5 * math.log(2 * math.pi * math.e))
    assert several < -entropy + 0.15


def two_moons(count, seed):
    """Two half circles of radius 1 that reach into each other, of width 0.1."""
    draws = generator(seed)
    angle, side = math.pi * torch.rand(count, generator=draws), torch.randint(2, (count,), generator=draws) * 2.0 - 1
    centres = torch.stack([angle.cos() + side / 2, side * (angle.sin() - 0.25)], dim=-1)
    return centres + 0.1 * torch.randn(count, 2, generator=draws)


BENDING = {
    "nf": lambda: flow_prior(steps=150, size=2),
    "rectified_flow": lambda: rectified_prior(steps=300, size=2, width=64, layers=2),
    "rave": lambda: rave_prior(steps=100, size=2, learning_rate=1e-2),
}


@pytest.mark.parametrize("make", BENDING.values(), ids=BENDING.keys())
def test_two_moons_cost_far_less_than_under_one_gaussian(make):
    train, valid, test = two_moons(2000, 1), two_moons(500, 2), two_moons(1000, 3)
    prior, single = make(), mixture_prior(1, size=2)
    for fitted in (prior, single):
        fitted.fit(train, valid, generator())
    difference = prior.log_prob(test) - single.log_prob(test)
    assert float(difference.mean()) > 0.3
    # Not by a density that is none: its own samples cost what the moons cost.
    own = -prior.log_prob(prior.sample(1000, generator(4)))
    assert abs(float(own.mean() + prior.log_prob(test).mean())) < 0.2


def test_the_mixture_finds_both_clusters_at_their_places():
    prior = mixture_prior(2)
    prior.fit(two_clusters(2000), two_clusters(400, seed=5), generator())
    samples = prior.sample(2000, generator())
    right = samples[:, 0] > 0
    assert 0.45 < right.float().mean() < 0.55
    for side, centre in ((right, 3.0), (~right, -3.0)):
        assert ((samples[side].mean(0) - centre).abs() < 0.1).all()
        assert ((samples[side].std(0) - 0.3).abs() < 0.05).all()


def test_components_that_do_not_help_held_out_latents_are_not_kept():
    truth, prior = gaussian(), mixture_prior(8)
    prior.fit(draws_of(truth, 60), draws_of(truth, 1000, seed=1), generator())
    assert len(prior.mixture.weights) < 8


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_fewer_latents_than_parameters_still_give_a_density(count):
    for prior in (mixture_prior(8), flow_prior(steps=5), rectified_prior(steps=5), rave_prior(steps=5)):
        prior.fit(draws_of(gaussian(), count), draws_of(gaussian(), 10, seed=1), generator())
        assert torch.isfinite(prior.log_prob(draws_of(gaussian(), 50, seed=2))).all()
        assert torch.isfinite(prior.sample(50, generator())).all()


@pytest.mark.parametrize("count", [5, 20, 40])
def test_a_mixture_of_fewer_latents_than_dimensions_is_no_worse_than_a_gaussian_of_shrunk_covariance(count):
    latents, validation, test = torch.randn(3, 200, 24, generator=generator()).split(1)
    prior = mixture_prior(8, size=24)
    prior.fit(latents[0, :count], validation[0], generator())
    whitened = prior.mixture.whitening(test[0])
    gaussian = -0.5 * (whitened.square() + math.log(2 * math.pi)).sum(-1) + prior.mixture.whitening.log_det
    assert prior.log_prob(test[0]).mean() > gaussian.mean() - 0.5


@every_prior
def test_the_generator_decides_the_samples(make):
    prior = make(FEW)
    prior.fit(draws_of(gaussian(), 300), draws_of(gaussian(), 50, seed=1), generator())
    first, again, other = (prior.sample(20, generator(seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


@every_fitted_prior
def test_the_same_generator_gives_the_same_fit(make):
    fitted = []
    for spoil in (7, 8):
        prior = make(FEW)
        torch.manual_seed(spoil)  # nothing is drawn from the global generator
        prior.fit(two_clusters(300), two_clusters(50, seed=5), generator())
        fitted.append(prior.log_prob(two_clusters(20, seed=9)))
    assert (fitted[0] == fitted[1]).all()


@every_fitted_prior
def test_a_saved_prior_comes_back_exactly(make, tmp_path):
    prior = make(FEW)
    prior.fit(two_clusters(300), two_clusters(50, seed=5), generator())
    prior.save(tmp_path)
    loaded = make(FEW)
    loaded.load(tmp_path)
    latents = two_clusters(20, seed=9)
    assert (loaded.log_prob(latents) == prior.log_prob(latents)).all()
    assert (loaded.sample(20, generator()) == prior.sample(20, generator())).all()


def fit_error(prior, latents):
    with pytest.raises(FlowshotError) as caught:
        prior.fit(latents, latents[:1], generator())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@every_fitted_prior
def test_a_constant_dimension_is_one_line_that_names_it(make):
    latents = draws_of(gaussian(), 50)
    latents[:, 1] = 0.7
    assert "latent dimension 1 is constant" in fit_error(make(), latents)


@every_fitted_prior
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_latents_that_are_not_finite_are_one_line(make, value):
    latents = draws_of(gaussian(), 50)
    latents[3, 1] = value
    assert "finite" in fit_error(make(), latents)


@every_fitted_prior
def test_a_single_latent_is_one_line(make):
    assert "at least two" in fit_error(make(), draws_of(gaussian(), 1))


@every_fitted_prior
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "of another size"])
def test_a_damaged_file_is_one_line(make, damage, tmp_path):
    prior = make(FEW)
    prior.fit(two_clusters(50), two_clusters(10, seed=5), generator())
    prior.save(tmp_path)
    (file,) = tmp_path.iterdir()
    if damage == "missing":
        file.unlink()
    elif damage == "of another size":
        OF_FIVE_DIMENSIONS[type(prior)]().save(tmp_path)
    else:
        file.write_bytes(file.read_bytes()[: 100 if damage == "truncated" else 0])
    with pytest.raises(FlowshotError) as caught:
        make().load(tmp_path)
    message = str(caught.value)
    assert "\n" not in message and str(tmp_path) in message and "dvc repro" in message and len(message) < 500


def test_a_flow_that_only_gets_worse_stays_the_gaussian_it_started_from():
    torch.manual_seed(0)
    prior = FlowPrior(FlowPriorConfig(layers=1, width=8, steps=3, batch_size=8, learning_rate=1e3), SIZE)
    truth = gaussian()
    train, valid = draws_of(truth, 500), draws_of(truth, 200, seed=1)
    prior.fit(train, valid, generator())
    single = mixture_prior(1)
    single.fit(train, valid, generator())
    torch.testing.assert_close(prior.log_prob(valid).mean(), single.log_prob(valid).mean(), atol=0.02, rtol=0)


def test_the_own_prior_is_that_of_the_autoencoder(tmp_path):
    prior = own_prior()
    latents = draws_of(gaussian(), 20)
    before = prior.log_prob(latents)
    prior.fit(latents, latents, generator())
    prior.save(tmp_path)
    prior.load(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert (prior.log_prob(latents) == before).all()
    with torch.no_grad():
        assert (before == prior.prior.log_prob(latents)).all()
    standard = OwnPrior(Prior(SIZE))
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(latents).sum(-1)
    torch.testing.assert_close(standard.log_prob(latents), expected)


def tiny_vae():
    torch.manual_seed(0)
    return VAE(VAEConfig(bands=4, latent_size=SIZE, channels=(4, 6), strides=(4, 2)), 250)


def test_the_registry_makes_every_prior_that_params_know():
    assert set(PRIORS) == set(PriorsConfig.__dataclass_fields__)
    for name in PRIORS:
        prior = make_prior(name, PriorsConfig(), tiny_vae())
        assert prior.sample(2, generator()).shape == (2, SIZE)


def test_a_prior_that_is_not_defined_is_one_line_with_those_that_are():
    with pytest.raises(FlowshotError, match="'ebm' is not defined; use one of: own, nf, gmm"):
        make_prior("ebm", PriorsConfig(), tiny_vae())


def test_latents_are_several_draws_of_each_clip_in_order():
    model = tiny_vae().train()
    clips = torch.rand(70, 250, generator=generator()).numpy() - 0.5
    latents = draw_latents(model, clips, 20, generator())
    assert latents.shape == (70, 20, SIZE) and not latents.requires_grad
    assert (latents == draw_latents(model, clips, 20, generator())).all()
    with torch.no_grad():
        means = model.encode_mean(torch.from_numpy(clips))
    error = latents.std(1) / 20**0.5
    assert ((latents.mean(1) - means).abs() < 6 * error).all()
