"""The latent loss: against torch.distributions, against closed forms, and against itself."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from flowshot.densities.distributions import (
    Posterior,
    Prior,
    draw_with_kl,
    gaussian_entropy,
    gaussian_kl,
    posterior_transform,
    repeat_posterior,
    standard_normal_log_prob,
)
from flowshot.densities.flows import Flow
from seeded import generator

KINDS = ("nsf", "realnvp", "maf", "iaf")
SIZE = 4
DRAWS = 20_000


def posterior_log_prob(posterior, flow, latent):
    """log q(z|x) of `latent: [batch, latent_size]` through the inverse of the flow, `[batch]`."""
    base, log_det = (latent, 0.0) if flow is None else flow.to_base(latent, posterior.context)
    return Normal(posterior.mean, posterior.log_scale.exp()).log_prob(base).sum(-1) + log_det


def random_posterior(batch=3, size=SIZE, context_size=None, seed=0):
    g = generator(seed)
    context = None if context_size is None else torch.randn(batch, context_size, generator=g)
    return Posterior(torch.randn(batch, size, generator=g), 0.5 * torch.randn(batch, size, generator=g) - 0.5, context)


def random_flow(kind, size=SIZE, context_size=None, seed=0, spread=0.2):
    torch.manual_seed(seed)
    flow = Flow(kind, size, layers=2, width=8, context_size=context_size)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=generator(seed))
    return flow


def assert_within_four_standard_errors(draws, expected):
    """`draws: [n]` are independent estimates of the number `expected`."""
    standard_error = float(draws.double().std()) / len(draws) ** 0.5
    assert float(draws.double().mean()) == pytest.approx(float(expected), abs=4 * standard_error + 1e-6)


def kl_draws(posterior, posterior_flow, prior, seed=0):
    """Independent estimates of the first clip's divergence, `[DRAWS]`."""
    context = None if posterior.context is None else posterior.context[:1]
    one = Posterior(posterior.mean[:1], posterior.log_scale[:1], context)
    with torch.no_grad():
        return draw_with_kl(repeat_posterior(one, DRAWS), posterior_flow, prior, generator(seed))[1]


def test_the_gaussian_divergence_agrees_with_torch():
    posterior = random_posterior(batch=50)
    expected = kl_divergence(Normal(posterior.mean, posterior.log_scale.exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(posterior.mean, posterior.log_scale), expected)


def test_entropy_and_standard_normal_density_agree_with_torch():
    posterior = random_posterior(batch=50)
    entropy = Normal(posterior.mean, posterior.log_scale.exp()).entropy().sum(-1)
    torch.testing.assert_close(gaussian_entropy(posterior.log_scale), entropy)
    density = Normal(0.0, 1.0).log_prob(posterior.mean).sum(-1)
    torch.testing.assert_close(standard_normal_log_prob(posterior.mean), density)


def test_draws_of_the_base_have_the_moments_of_the_posterior():
    posterior = random_posterior(batch=1)
    draws = repeat_posterior(posterior, DRAWS).base_sample(generator())
    for dimension in range(SIZE):
        assert_within_four_standard_errors(draws[:, dimension], posterior.mean[0, dimension])
        variance = posterior.log_scale[0, dimension].exp() ** 2
        assert_within_four_standard_errors((draws[:, dimension] - posterior.mean[0, dimension]).square(), variance)


def test_between_gaussians_the_divergence_is_the_closed_form_and_without_noise():
    posterior = random_posterior()
    prior = Prior(SIZE)
    expected = kl_divergence(Normal(posterior.mean, posterior.log_scale.exp()), Normal(0.0, 1.0)).sum(-1)
    for seed in range(2):
        torch.testing.assert_close(draw_with_kl(posterior, None, prior, generator(seed))[1], expected)


def test_a_monte_carlo_estimate_from_the_densities_agrees_with_the_closed_form():
    posterior, prior = random_posterior(batch=1), Prior(SIZE)
    latent, exact = draw_with_kl(repeat_posterior(posterior, DRAWS), None, prior, generator())
    ratio = posterior_log_prob(repeat_posterior(posterior, DRAWS), None, latent) - prior.log_prob(latent)
    assert_within_four_standard_errors(ratio, exact[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["posterior", "prior", "both"])
def test_flows_that_are_the_identity_give_the_gaussian_case(kind, side):
    posterior = random_posterior(batch=1, context_size=2)
    posterior_flow = Flow(kind, SIZE, 2, 8, context_size=2) if side != "prior" else None
    prior = Prior(SIZE, Flow(kind, SIZE, 2, 8) if side != "posterior" else None)
    draws = kl_draws(posterior, posterior_flow, prior)
    assert draws.std() > 0, "an estimate, not the closed form"
    assert_within_four_standard_errors(draws, gaussian_kl(posterior.mean, posterior.log_scale).sum())


def affine_flow(seed=0):
    """A flow that is affine, because its couplings are untrained and its linear layer is not."""
    flow = Flow("realnvp", SIZE, layers=1, width=8)
    linear = flow.transform._transforms[0]
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator(seed))
    return flow, linear.weight().detach(), linear.bias.detach()


def test_an_affine_prior_flow_gives_the_divergence_between_two_gaussians():
    posterior = random_posterior(batch=1)
    flow, weight, bias = affine_flow()
    # base = W z + b is standard normal, so z is normal with mean -W^-1 b and precision W^T W.
    prior_of_latent = MultivariateNormal(-torch.linalg.solve(weight, bias), precision_matrix=weight.T @ weight)
    covariance = torch.diag(posterior.log_scale[0].exp() ** 2)
    expected = kl_divergence(MultivariateNormal(posterior.mean[0], covariance), prior_of_latent)
    assert abs(expected - gaussian_kl(posterior.mean, posterior.log_scale).sum()) > 0.5
    assert_within_four_standard_errors(kl_draws(posterior, None, Prior(SIZE, flow)), expected)


def test_an_affine_posterior_flow_gives_the_divergence_between_two_gaussians():
    posterior = random_posterior(batch=1)
    flow, weight, bias = affine_flow(seed=2)
    inverse = torch.linalg.inv(weight)
    covariance = inverse @ torch.diag(posterior.log_scale[0].exp() ** 2) @ inverse.T
    of_latent = MultivariateNormal(inverse @ (posterior.mean[0] - bias), covariance)
    expected = kl_divergence(of_latent, MultivariateNormal(torch.zeros(SIZE), torch.eye(SIZE)))
    assert abs(expected - gaussian_kl(posterior.mean, posterior.log_scale).sum()) > 0.5
    assert_within_four_standard_errors(kl_draws(posterior, flow, Prior(SIZE)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_posterior_and_prior_give_zero(kind):
    flow = random_flow(kind)
    posterior = Posterior(torch.zeros(1, SIZE), torch.zeros(1, SIZE))
    assert_within_four_standard_errors(kl_draws(posterior, flow, Prior(SIZE, flow)), 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flow_on_both_sides_does_not_change_the_divergence(kind):
    """A divergence is the same before and after an invertible map of both distributions."""
    flow, posterior = random_flow(kind), random_posterior(batch=1)
    expected = gaussian_kl(posterior.mean, posterior.log_scale).sum()
    assert_within_four_standard_errors(kl_draws(posterior, flow, Prior(SIZE, flow)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_density_of_a_draw_is_that_of_its_base_less_the_log_determinant(kind):
    posterior, flow = random_posterior(batch=8, context_size=2), random_flow(kind, context_size=2)
    base = posterior.base_sample(generator())
    latent, log_det = posterior_transform(posterior, flow, base)
    of_base = Normal(posterior.mean, posterior.log_scale.exp()).log_prob(base).sum(-1)
    torch.testing.assert_close(posterior_log_prob(posterior, flow, latent), of_base - log_det, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_agrees_with_the_ratio_of_the_densities(kind):
    posterior, flow = random_posterior(batch=1, context_size=2), random_flow(kind, context_size=2)
    prior, many = Prior(SIZE, random_flow("nsf", seed=3)), repeat_posterior(posterior, DRAWS)
    with torch.no_grad():
        latent, kl = draw_with_kl(many, flow, prior, generator())
        ratio = posterior_log_prob(many, flow, latent) - prior.log_prob(latent)
    assert_within_four_standard_errors(ratio - kl, 0.0)


@pytest.mark.parametrize("side", ["posterior", "prior"])
def test_the_known_entropy_lowers_the_variance_where_posteriors_are_narrow(side):
    flow = random_flow("nsf", spread=0.1)
    many = repeat_posterior(Posterior(torch.ones(1, SIZE), torch.full((1, SIZE), -3.0)), DRAWS)
    posterior_flow, prior = (flow, Prior(SIZE)) if side == "posterior" else (None, Prior(SIZE, flow))
    with torch.no_grad():
        latent, kl = draw_with_kl(many, posterior_flow, prior, generator())
        ratio = posterior_log_prob(many, posterior_flow, latent) - prior.log_prob(latent)
    assert kl.var() < 0.2 * ratio.var()


@pytest.mark.parametrize("flow", [False, True], ids=["gaussian", "prior flow"])
def test_the_divergence_is_a_sum_over_dimensions(flow):
    for size in (2, 16):
        posterior = Posterior(torch.ones(1, size), torch.zeros(1, size))
        prior = Prior(size, Flow("nsf", size, 1, 8) if flow else None)
        assert_within_four_standard_errors(kl_draws(posterior, None, prior), 0.5 * size)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_a_prior_have_its_density(kind):
    """Importance weights under the density: E_p[N(z; 0, c I) / p(z)] = 1 for a p that covers it."""
    prior = Prior(2, random_flow(kind, size=2))
    with torch.no_grad():
        latent = prior.sample(DRAWS, generator())
        narrow = Normal(latent.mean(0), 0.5 * latent.std(0)).log_prob(latent).sum(-1)
        weights = (narrow - prior.log_prob(latent)).exp()
    assert weights.std() < 10
    assert_within_four_standard_errors(weights, 1.0)


def test_a_draw_is_differentiable_in_the_posterior():
    posterior = random_posterior()
    mean, log_scale = posterior.mean.requires_grad_(), posterior.log_scale.requires_grad_()
    latent, kl = draw_with_kl(Posterior(mean, log_scale), random_flow("iaf"), Prior(SIZE, random_flow("nsf")))
    (latent.sum() + kl.sum()).backward()
    assert (mean.grad.abs() > 0).any() and (log_scale.grad.abs() > 0).any()


def test_repeating_keeps_the_draws_of_a_clip_together():
    posterior = random_posterior(batch=3, context_size=2)
    repeated = repeat_posterior(posterior, 4)
    for name in ("mean", "log_scale", "context"):
        grouped = getattr(repeated, name).unflatten(0, (3, 4))
        assert (grouped == getattr(posterior, name)[:, None]).all()
