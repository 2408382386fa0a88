"""Slopes of the latent loss against finite differences: what is detached has the right value and a wrong slope."""

import pytest
import torch

from flowshot.densities.distributions import Posterior, Prior, draw_with_kl
from flowshot.densities.flows import Flow
from seeded import generator

SIZE, CONTEXT = 3, 2
# Of posterior and prior; each kind in the direction in which it is trained.
PAIRS = [(None, None), ("iaf", None), ("nsf", None), (None, "nsf"), (None, "maf"), ("iaf", "realnvp")]


def bent(kind, context_size=None):
    if kind is None:
        return None
    torch.manual_seed(0)
    flow = Flow(kind, SIZE, 2, width=6, context_size=context_size).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator(1), dtype=torch.double)
    return flow


def numbers(*shape, seed=2):
    return torch.randn(shape, generator=generator(seed), dtype=torch.double).requires_grad_()


@pytest.mark.parametrize(("of_posterior", "of_prior"), PAIRS)
def test_a_draw_and_its_divergence_follow_mean_scale_and_context(of_posterior, of_prior):
    flow, prior = bent(of_posterior, CONTEXT), Prior(SIZE, bent(of_prior))

    def draw(mean, log_scale, context=None):
        return draw_with_kl(Posterior(mean, log_scale, context), flow, prior, generator())

    inputs = [numbers(2, SIZE), numbers(2, SIZE, seed=3)] + ([] if flow is None else [numbers(2, CONTEXT, seed=4)])
    assert torch.autograd.gradcheck(draw, inputs, atol=1e-5)


@pytest.mark.parametrize(("of_posterior", "of_prior"), [pair for pair in PAIRS if any(pair)])
def test_the_divergence_follows_every_weight_of_both_flows(of_posterior, of_prior):
    flow, prior = bent(of_posterior, CONTEXT), Prior(SIZE, bent(of_prior))
    posterior = Posterior(numbers(4, SIZE), numbers(4, SIZE, seed=3), numbers(4, CONTEXT, seed=4))

    def divergence():
        return draw_with_kl(posterior, flow, prior, generator())[1].sum()

    for module in (each for each in (flow, prior.flow) if each is not None):
        weights = list(module.parameters())
        slopes = torch.autograd.grad(divergence(), weights, allow_unused=True)
        directions = [torch.randn(weight.shape, generator=generator(5), dtype=torch.double) for weight in weights]
        moved = []
        for step in (1e-6, -2e-6, 1e-6):  # ahead, behind, and back
            with torch.no_grad():
                for weight, direction in zip(weights, directions, strict=True):
                    weight += step * direction
                moved.append(float(divergence()))
        found = sum(float((a * b).sum()) for a, b in zip(slopes, directions, strict=True) if a is not None)
        assert abs(found) > 1e-3, "the direction says nothing"
        assert found == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-4, abs=1e-5)
