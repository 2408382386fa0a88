import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.densities.whitening import Whitening


def latents(count, size, seed):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(size, size, generator=generator) + 2 * torch.eye(size)
    return torch.randn(count, size, generator=generator) @ mixing + torch.randn(size, generator=generator)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(count=st.integers(2, 40), size=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_inverse_undoes_whitening_even_with_fewer_latents_than_dimensions(count, size, seed):
    whiten, data = Whitening(size), latents(count, size, seed)
    whiten.fit(data)
    torch.testing.assert_close(whiten.inverse(whiten(data)), data, atol=1e-3, rtol=1e-3)


def test_many_latents_become_white():
    whiten, data = Whitening(4), latents(20_000, 4, 0)
    whiten.fit(data)
    white = whiten(data)
    torch.testing.assert_close(white.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(4), atol=0.01, rtol=0)


def test_the_log_determinant_is_that_of_the_jacobian():
    whiten, data = Whitening(4), latents(50, 4, 0)
    whiten.fit(data)
    jacobian = torch.autograd.functional.jacobian(lambda v: whiten(v[None])[0], data[0])
    torch.testing.assert_close(whiten.log_det, torch.linalg.slogdet(jacobian).logabsdet)
