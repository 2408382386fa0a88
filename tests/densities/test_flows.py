"""Every kind of flow, with and without context, has the same properties."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.densities.flows import Flow

KINDS = ("nsf", "realnvp", "maf", "iaf")
CONTEXT_SIZE = 3

every_flow = pytest.mark.parametrize("context_size", [None, CONTEXT_SIZE], ids=["alone", "context"])
every_kind = pytest.mark.parametrize("kind", KINDS)


def untrained_flow(kind, size, context_size=None, layers=2):
    torch.manual_seed(0)
    return Flow(kind, size, layers, width=8, context_size=context_size).double()


def random_flow(kind, size, context_size=None, layers=2, seed=0, spread=0.3):
    """A flow whose weights are moved away from the identity, as training would."""
    flow = untrained_flow(kind, size, context_size, layers)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return flow


def draw(batch, size, context_size=None, seed=1):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(batch, size, generator=generator, dtype=torch.float64)
    context = None
    if context_size is not None:
        context = torch.randn(batch, context_size, generator=generator, dtype=torch.float64)
    return vectors, context


def jacobian_log_det(function, vectors):
    """log |det| of the Jacobian by autograd, `[batch]`: rows of a batch do not depend on one another."""
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v).sum(0), vectors)
    return torch.linalg.slogdet(jacobian.permute(1, 0, 2)).logabsdet


@every_kind
@every_flow
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_an_untrained_flow_is_the_identity(kind, context_size, layers):
    flow = untrained_flow(kind, 5, context_size, layers)
    vectors, context = draw(6, 5, context_size)
    for direction in (flow.to_latent, flow.to_base):
        mapped, log_det = direction(vectors, context)
        torch.testing.assert_close(mapped, vectors, atol=1e-6, rtol=0)
        torch.testing.assert_close(log_det, torch.zeros(6, dtype=torch.float64), atol=1e-6, rtol=0)


@every_kind
@every_flow
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 5), size=st.integers(2, 7), layers=st.integers(1, 3), outward=st.booleans(), seed=st.integers()
)
def test_the_directions_undo_each_other(kind, context_size, batch, size, layers, outward, seed):
    flow = random_flow(kind, size, context_size, layers, seed=seed % 2**31)
    vectors, context = draw(batch, size, context_size, seed % 2**31)
    there, back = (flow.to_latent, flow.to_base) if outward else (flow.to_base, flow.to_latent)
    mapped, log_det = there(vectors, context)
    returned, log_det_back = back(mapped, context)
    assert mapped.shape == vectors.shape and log_det.shape == (batch,)
    torch.testing.assert_close(returned, vectors, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_det, -log_det_back, atol=1e-4, rtol=1e-4)


@every_kind
@every_flow
@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("direction", ["to_latent", "to_base"])
def test_the_log_determinant_is_that_of_the_jacobian(kind, context_size, size, direction):
    flow = random_flow(kind, size, context_size)
    vectors, context = draw(4, size, context_size)
    log_det = getattr(flow, direction)(vectors, context)[1]
    expected = jacobian_log_det(lambda v: getattr(flow, direction)(v, context)[0], vectors)
    assert expected.abs().max() > 0.05, "the flow is too near the identity for the test to mean anything"
    torch.testing.assert_close(log_det, expected, atol=1e-4, rtol=0)


@every_kind
@every_flow
@pytest.mark.parametrize("size", [2, 5])
def test_a_gradient_reaches_every_parameter(kind, context_size, size):
    """In the direction that it is trained in: a prior flow by `to_base`, a posterior flow by `to_latent`."""
    flow = random_flow(kind, size, context_size)
    vectors, context = draw(16, size, context_size)
    mapped, log_det = (flow.to_base if context_size is None else flow.to_latent)(vectors, context)
    (mapped.square().sum() - log_det.sum()).backward()
    without = [name for name, p in flow.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []
    assert all(torch.isfinite(parameter.grad).all() for parameter in flow.parameters())


@every_kind
def test_every_latent_dimension_depends_on_the_context(kind):
    flow = random_flow(kind, 4, CONTEXT_SIZE)
    base, context = draw(8, 4, CONTEXT_SIZE)
    moved = flow.to_latent(base, context + 1)[0] - flow.to_latent(base, context)[0]
    assert (moved.abs().max(0).values > 1e-3).all()


@pytest.mark.parametrize(("kind", "parallel"), [("iaf", "to_latent"), ("maf", "to_base")])
def test_the_direction_that_is_trained_takes_one_pass_and_the_other_one_a_dimension(kind, parallel):
    """A posterior flow is trained by `to_latent`, a prior flow by `to_base`."""
    flow = random_flow(kind, 6, layers=1)
    passes = []
    flow.transform._transforms[0].autoregressive_net.register_forward_hook(lambda *_: passes.append(1))
    for direction in ("to_latent", "to_base"):
        passes.clear()
        getattr(flow, direction)(draw(3, 6)[0])
        assert len(passes) == (1 if direction == parallel else 6)


@every_kind
def test_the_density_of_two_dimensions_integrates_to_one(kind):
    flow = random_flow(kind, 2, layers=3, spread=0.15)
    axis = torch.linspace(-12, 12, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        base, log_det = flow.to_base(grid)
    density = (standard_normal_log_prob(base) + log_det).exp()
    assert float(density.sum() * (axis[1] - axis[0]) ** 2) == pytest.approx(1, abs=2e-3)


@every_kind
@pytest.mark.parametrize("direction", ["to_latent", "to_base"])
def test_a_flow_computes_in_float32_under_bfloat16_autocast(kind, direction):
    flow, vectors = random_flow(kind, 4).float(), draw(4, 4)[0].bfloat16()
    expected, of_expected = getattr(random_flow(kind, 4), direction)(vectors.double())
    with torch.autocast("cpu", torch.bfloat16):
        mapped, log_det = getattr(flow, direction)(vectors)
    assert mapped.dtype == log_det.dtype == torch.float32
    torch.testing.assert_close(mapped, expected.float(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_det, of_expected.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["nsf", "realnvp"])
def test_two_couplings_change_every_dimension(kind):
    """Their linear layers are still the identity, so each changes only what its mask lets it."""
    flow = untrained_flow(kind, 5)
    with torch.no_grad():
        for name, parameter in flow.named_parameters():
            if "transform_net" in name:
                parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    vectors, _ = draw(20, 5)
    changed = (flow.to_latent(vectors)[0] - vectors).abs().mean(0)
    assert (changed > 1e-2).all()
