"""Mutual information on channels where it is known, and bounds of the likelihood where they are."""

import math

import numpy as np
import pytest
import torch

from defaults import default
from flowshot.densities.distributions import Posterior
from flowshot.densities.flows import Flow
from flowshot.diagnostics.draws import draw_posteriors
from flowshot.diagnostics.information import mutual_information
from flowshot.diagnostics.latent import likelihood_bounds
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.training.likelihood import log_likelihood
from seeded import generator

DRAWS = 32


def bare_vae(size, **flows):
    torch.manual_seed(0)
    config = default(
        VAEConfig,
        "autoencoder",
        bands=2,
        latent_size=size,
        channels=(4,),
        strides=(4,),
        flow_layers=2,
        flow_width=16,
        **flows,
    )
    return VAE(config, 64, 16000)


def gaussian_channel(nats, size, count, seed=0, correlation=0.9):
    """Posteriors N(A x, s^2) of x ~ N(0, I) with `nats` of information, A anything: its image is correlated."""
    g = generator(seed)
    mixing = torch.randn(size, size, generator=g) * (1 - correlation) + correlation * torch.randn(
        size, 1, generator=g
    ) * torch.ones(size)
    powers = torch.linalg.svdvals(mixing).square()
    # The noise at which 0.5 sum log(1 + power / noise) is what was asked for, by bisection.
    low, high = 1e-12, 1e12
    for _ in range(200):
        noise = math.sqrt(low * high)
        low, high = (noise, high) if 0.5 * float((1 + powers / noise).log().sum()) > nats else (low, noise)
    mean = torch.randn(count, size, generator=g) @ mixing.T
    return Posterior(mean, torch.full_like(mean, 0.5 * math.log(noise)), torch.zeros(count, 64))


def measured(nats, size, count, model, seeds=6):
    with torch.no_grad():
        return [
            mutual_information(
                draw_posteriors(model, gaussian_channel(nats, size, count, seed), DRAWS, generator(seed))
            )
            for seed in range(seeds)
        ]


@pytest.mark.parametrize(("nats", "size"), [(1.0, 4), (3.0, 8), (10.0, 4), (10.0, 8), (25.0, 16)])
def test_the_information_of_a_linear_gaussian_channel_is_recovered_within_five_percent(nats, size):
    """From 200 clips, so also far above ln 200 = 5.3 nats."""
    found = measured(nats, size, 200, bare_vae(size))
    values = [each.estimate for each in found]
    assert sum(values) / len(values) == pytest.approx(nats, rel=0.05)
    for each in found:
        assert 0 <= each.low <= each.estimate <= each.high
        assert each.low <= min(nats, math.log(200)) + 0.3
        assert each.high >= 0.95 * nats


def test_what_a_prior_flow_bends_it_unbends():
    """A channel behind a flow has the information of the channel: that flow in the prior makes it Gaussian again."""
    model = bare_vae(4, posterior_flow="nsf", prior_flow="nsf")
    bend = Flow("nsf", 4, 2, 16)
    with torch.no_grad():
        for parameter in bend.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator())
    model.prior.flow = bend
    model.posterior_flow = _WithoutContext(bend)
    values = [each.estimate for each in measured(8.0, 4, 200, model)]
    assert sum(values) / len(values) == pytest.approx(8.0, rel=0.05)


class _WithoutContext(torch.nn.Module):
    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def to_latent(self, base, context):
        return self.flow.to_latent(base)


def test_the_upper_side_holds_and_clusters_are_found_where_the_aggregate_is_no_gaussian():
    """Four clusters far apart: a mixture of Gaussians fits them, one Gaussian reads nats too high."""
    g = generator()
    centres = 3 * torch.randn(4, 6, generator=g)

    def draws_of(count):
        mean = centres[torch.randint(0, 4, (count,), generator=g)] + torch.randn(count, 6, generator=g)
        with torch.no_grad():
            return draw_posteriors(bare_vae(6), Posterior(mean, torch.full_like(mean, math.log(0.5))), DRAWS, g)

    draws, reference = draws_of(200), draws_of(500).base[:, :4]
    exact = math.log(4) + 6 * 0.5 * math.log1p(4)
    one = mutual_information(draws, reference)
    several = mutual_information(draws, reference, generator())
    assert exact - 0.2 <= several.high < one.high - 0.5
    assert several.estimate == pytest.approx(exact, rel=0.1)


def test_no_information_is_found_where_there_is_none():
    posterior = Posterior(torch.zeros(100, 8), torch.zeros(100, 8))
    with torch.no_grad():
        found = mutual_information(draw_posteriors(bare_vae(8), posterior, DRAWS, generator()))
    assert found.low == 0 and found.estimate < 0.02


def test_an_autoregressive_posterior_is_never_inverted(monkeypatch):
    """Its inverse takes one pass a dimension, for every pair of clips."""
    model = bare_vae(6, posterior_flow="iaf")
    monkeypatch.setattr(model.posterior_flow, "to_base", lambda *_: pytest.fail("inverted"))
    posterior = Posterior(torch.randn(50, 6), torch.full((50, 6), -2.0), torch.randn(50, 64))
    with torch.no_grad():
        found = mutual_information(draw_posteriors(model, posterior, DRAWS, generator()))
    assert found.low > 0.9 * math.log(50)


def linear_decoder(matrix):
    return lambda latent, generator=None: latent @ matrix.T


def test_elbo_and_iwae_lie_below_the_known_evidence_and_the_exact_posterior_reaches_it():
    """x = W z + noise, z ~ N(0, I): the evidence and the posterior are Gaussian (Bishop 2006, section 12.2)."""
    size, samples, scale = 2, 5, 0.5
    model, weight = bare_vae(size), torch.randn(samples, size, generator=generator())
    model.decode = linear_decoder(weight)
    data = torch.randn(40, size, generator=generator(1)) @ weight.T + scale * torch.randn(
        40, samples, generator=generator(2)
    )
    covariance = weight @ weight.T + scale**2 * torch.eye(samples)
    evidence = float(torch.distributions.MultivariateNormal(torch.zeros(samples), covariance).log_prob(data).mean())
    precision = torch.eye(size) + weight.T @ weight / scale**2
    mean = torch.linalg.solve(precision, weight.T @ data.T / scale**2).T

    def likelihood(a, b):
        return log_likelihood(a, b, "gaussian", scale)

    def bounds(spread):
        # The posterior's own widths, without its correlations, times `spread`.
        log_scale = (0.5 * torch.linalg.inv(precision).diagonal().log() + math.log(spread)).expand(40, -1)
        with torch.no_grad():
            return likelihood_bounds(model, Posterior(mean, log_scale), data, likelihood, generator())

    for spread in (0.7, 1.0, 1.5):
        elbo, iwae = bounds(spread)
        assert elbo < iwae < evidence + 0.1
    # With W made orthogonal the factorised posterior is exact, and every weight is the evidence.
    weight.copy_(torch.linalg.qr(weight)[0])
    covariance = weight @ weight.T + scale**2 * torch.eye(samples)
    evidence = float(torch.distributions.MultivariateNormal(torch.zeros(samples), covariance).log_prob(data).mean())
    precision = torch.eye(size) + weight.T @ weight / scale**2
    mean = torch.linalg.solve(precision, weight.T @ data.T / scale**2).T
    assert bounds(1.0) == pytest.approx((evidence, evidence), abs=1e-3)


def test_a_single_clip_and_numbers_that_are_none_are_told_apart_from_information():
    model = bare_vae(3)
    for mean, expected in ((torch.zeros(1, 3), 0.0), (torch.full((4, 3), math.nan), math.nan)):
        found = mutual_information(draw_posteriors(model, Posterior(mean, torch.zeros_like(mean)), 4, generator()))
        assert np.array_equal([found.low, found.estimate, found.high], [expected] * 3, equal_nan=True)


class Affine(torch.nn.Module):
    """latent = shift + scale * base, for all dimensions alike."""

    def __init__(self, shift, scale):
        super().__init__()
        self.shift, self.scale = shift, scale

    def to_latent(self, base, context=None):
        return self.shift + self.scale * base, torch.full_like(base[:, 0], base.shape[1] * math.log(self.scale))

    def to_base(self, latent, context=None):
        return (latent - self.shift) / self.scale, -torch.full_like(
            latent[:, 0], latent.shape[1] * math.log(self.scale)
        )


@torch.no_grad()
def test_under_a_prior_flow_the_exact_posterior_reaches_the_evidence_too():
    """x = z + noise, z ~ N(3, 4 I) by an affine flow: all is Gaussian, and every weight is the evidence."""
    size, noise, model = 3, 0.5, bare_vae(3, prior_flow="nsf")
    model.prior.flow, model.decode = Affine(3.0, 2.0), lambda latent, generator=None: latent
    data = 3 + 2 * torch.randn(40, size, generator=generator()) + noise * torch.randn(40, size, generator=generator(1))
    evidence = torch.distributions.Normal(3.0, math.hypot(2.0, noise)).log_prob(data).sum(-1).mean()
    variance = 1 / (1 / 4 + 1 / noise**2)
    posterior = Posterior(variance * (3 / 4 + data / noise**2), torch.full_like(data, 0.5 * math.log(variance)))
    bounds = likelihood_bounds(
        model, posterior, data, lambda a, b: log_likelihood(a, b, "gaussian", noise), generator()
    )
    assert bounds == pytest.approx((float(evidence), float(evidence)), abs=1e-3)


@torch.no_grad()
def test_moments_of_kernels_are_not_taken_from_the_draws_that_are_judged():
    """Else a clip would be told from others by noise: here all posteriors are alike, and known by draws alone.

    They lie away from the prior, in many dimensions for few clips, so that no upper bound hides it.
    """
    model = bare_vae(16, posterior_flow="iaf")
    posterior = Posterior(torch.full((8, 16), 2.0), torch.zeros(8, 16), torch.zeros(8, 64))
    for seed in range(3):
        found = mutual_information(draw_posteriors(model, posterior, DRAWS, generator(seed)))
        assert found.low == 0 and found.high > 0.05


def test_densities_are_not_judged_by_the_clips_that_they_were_fitted_to():
    """A Gaussian of 24 clips has 44 parameters: by its own clips it would be nats too good, and no bound."""
    found = measured(10.0, 8, 24, bare_vae(8), seeds=8)
    assert sum(each.high for each in found) / len(found) > 10.0
