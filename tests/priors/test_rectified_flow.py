"""The rectified flow beyond what every prior must do: its solvers, its two traces, and its starting point."""

import math

import pytest
import torch

from defaults import default
from flowshot.priors import rectified_flow
from flowshot.priors.rectified_flow import (
    RectifiedFlowPrior,
    RectifiedFlowPriorConfig,
    gaussian_rate,
    noise_and_times,
    solve,
    trace_along,
)
from seeded import generator


def bent_prior(size=3, **settings):
    """Not fitted, but far from Gaussian: its network has random weights."""
    torch.manual_seed(0)
    config = default(RectifiedFlowPriorConfig, "fit_prior.rectified_flow", layers=1, width=16, **settings)
    prior = RectifiedFlowPrior(config, size)
    prior.whitening.fit(torch.randn(50, size, generator=generator()) * 3 + 1)
    with torch.no_grad():
        prior.velocity.leave.weight.normal_(0, 0.3)
    return prior


def spiral(points, times):
    """A turn and a growth: after time t, rotated by t and larger by e^t."""
    del times
    return torch.stack([points[:, 0] - points[:, 1], points[:, 0] + points[:, 1]], dim=-1)


def test_twice_the_steps_leave_a_quarter_of_the_error():
    start = torch.tensor([[1.0, 0.0]], dtype=torch.double)
    exact = math.e * torch.tensor([[math.cos(1), math.sin(1)]], dtype=torch.double)
    errors = [float((solve(spiral, start, 0.0, 1.0, steps) - exact).norm()) for steps in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


def test_solving_backwards_returns_to_the_start():
    start = torch.tensor([[1.0, 0.5]], dtype=torch.double)
    there = solve(spiral, start, 0.0, 1.0, 400)
    torch.testing.assert_close(solve(spiral, there, 1.0, 0.0, 400), start, atol=1e-5, rtol=0)


def test_unit_directions_sum_to_the_trace_and_random_signs_estimate_it():
    prior, times = bent_prior(), torch.full((5,), 0.3)
    points = torch.randn(5, 3, generator=generator(1))

    def residual(at):
        return prior.velocity.residual(at, times[: len(at)])

    expected = [torch.autograd.functional.jacobian(residual, point[None]).squeeze().trace() for point in points]
    values, products = trace_along(residual, points, torch.eye(3)[:, None].expand(-1, 5, -1))
    torch.testing.assert_close(values, residual(points))
    torch.testing.assert_close(products.sum(0), torch.stack(expected))
    signs = torch.randint(2, (1000, 5, 3), generator=generator(2)) * 2.0 - 1
    estimates = trace_along(residual, points, signs)[1]
    standard_error = estimates.std(0) / len(signs) ** 0.5
    assert ((estimates.mean(0) - torch.stack(expected)).abs() < 4 * standard_error + 1e-6).all()


def test_the_velocity_of_gaussian_latents_is_known():
    """A regression of x_1 - x_0 on x_t at one time has the slope that the network starts from."""
    noise, latents = torch.randn(2, 200_000, generator=generator())
    for time in (0.1, 0.5, 0.8):
        points, change = (1 - time) * noise + time * latents, latents - noise
        slope = float((points * change).mean() / points.square().mean())
        assert slope == pytest.approx(float(gaussian_rate(torch.tensor(time))), abs=0.02)


def test_an_unfitted_network_is_exactly_the_gaussian_of_the_latents():
    latents = torch.randn(500, 3, generator=generator()) @ torch.tensor([[2.0, 0, 0], [0.3, 0.1, 0], [-1, 0.2, 0.5]])
    values = {"steps": 1, "learning_rate": 1e-9, "width": 8, "layers": 1}
    prior = RectifiedFlowPrior(default(RectifiedFlowPriorConfig, "fit_prior.rectified_flow", **values), 3)
    prior.fit(latents, latents, generator())
    mean, covariance = prior.whitening.mean, prior.whitening.factor @ prior.whitening.factor.T
    expected = torch.distributions.MultivariateNormal(mean, covariance).log_prob(latents)
    torch.testing.assert_close(prior.log_prob(latents), expected, atol=2e-3, rtol=1e-4)


def test_the_density_integrates_to_one():
    prior = bent_prior(size=2)
    edges = torch.linspace(-14, 16, 61)
    grid = torch.cartesian_prod(edges, edges)
    assert float(prior.log_prob(grid).double().exp().sum() * (edges[1] - edges[0]) ** 2) == pytest.approx(1, abs=2e-3)


def test_the_estimated_trace_gives_the_same_nats_on_average(monkeypatch):
    prior = bent_prior(size=8)
    latents = prior.sample(400, generator(1))
    exact = prior.log_prob(latents)
    monkeypatch.setattr(rectified_flow, "EXACT_TRACE_SIZE", 7)
    estimated = prior.log_prob(latents)
    difference = estimated - exact
    assert float(difference.abs().max()) > 1e-3, "both came from the exact trace"
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / len(difference) ** 0.5
    assert (prior.log_prob(latents) == estimated).all()


def test_every_batch_of_latents_has_directions_of_its_own(monkeypatch):
    """Or the noise of the estimate would stay in a mean over many batches."""
    prior = bent_prior(size=8)
    monkeypatch.setattr(rectified_flow, "EXACT_TRACE_SIZE", 7)
    monkeypatch.setattr(rectified_flow, "BATCH_SIZE", 5)
    first, second = prior.log_prob(prior.sample(5, generator()).repeat(2, 1)).chunk(2)
    assert (first != second).all()


def test_more_steps_change_the_density_less_and_less(monkeypatch):
    prior, latents, found = bent_prior(), torch.randn(50, 3, generator=generator(1)) * 3 + 1, []
    for steps in (8, 16, 128):
        monkeypatch.setattr(rectified_flow, "DENSITY_STEPS", steps)
        found.append(prior.log_prob(latents))
    coarse, fine = ((values - found[2]).abs().mean() for values in found[:2])
    assert fine < 0.5 * coarse and fine < 0.03


def test_more_steps_of_the_solver_change_samples_less_and_less():
    few, some, many = (bent_prior(solver_steps=steps).sample(100, generator(3)) for steps in (2, 20, 60))
    assert (some - many).abs().max() < 0.05
    assert (few - many).abs().max() > 0.2, "the number of steps is not used"


def test_the_network_is_told_the_time():
    prior = bent_prior()
    points = torch.randn(50, 3, generator=generator())
    early, late = (prior.velocity.residual(points, torch.full((50,), time)) for time in (0.1, 0.9))
    assert (early - late).abs().mean() > 0.01


def test_times_are_logit_normal():
    """Uniform ones would have a logit of variance 3.3."""
    logits = noise_and_times(4096, 1, generator())[1].logit()
    assert float(logits.mean()) == pytest.approx(0, abs=0.1) and float(logits.var()) == pytest.approx(1, abs=0.15)
