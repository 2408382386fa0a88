import math

import pytest
import torch

from flowshot.models.autoencoders.vae.blocks import CentredConvolution, ResidualBlock, Snake, initialise, upsample
from flowshot.models.autoencoders.vae.config import VAEConfig


def ripple(frames, stride):
    """Energy at the stride's rate and its multiples, relative to the mean, away from the edges."""
    inner = frames[..., 4 * stride : -4 * stride]
    folded = inner.unflatten(-1, (-1, stride)).mean(-2)
    return float((folded - folded.mean(-1, keepdim=True)).abs().max() / folded.abs().mean())


@pytest.mark.parametrize("stride", [2, 4, 5])
@pytest.mark.parametrize("kind", ["silu", "snake"])
def test_interpolation_leaves_no_tone_at_the_strides_rate_and_a_transposed_convolution_does(stride, kind):
    torch.manual_seed(0)
    constant = torch.randn(1, 6, 1).expand(1, 6, 20)
    ripples = {}
    for name in ("linear", "transposed"):
        layer = upsample(VAEConfig(upsampling=name, activation=kind), 6, 4, stride)
        initialise(layer)
        with torch.no_grad():
            frames = layer(constant)
        assert frames.shape == (1, 4, 20 * stride)
        ripples[name] = ripple(frames, stride)
    assert ripples["linear"] < 1e-5
    assert ripples["transposed"] > 0.05


@pytest.mark.parametrize("upsampling", ["linear", "transposed"])
@pytest.mark.parametrize("stride", [2, 4, 8])
def test_upsampling_of_either_kind_starts_with_the_power_it_is_given(stride, upsampling):
    torch.manual_seed(0)
    layer = upsample(VAEConfig(upsampling=upsampling, activation="silu"), 64, 64, stride)
    initialise(layer)
    with torch.no_grad():
        power = layer(torch.randn(8, 64, 100)).square().mean()
    assert 0.5 < float(power) < 2


def test_snake_is_its_formula_and_learns_its_rate():
    snake = Snake(3)
    with torch.no_grad():
        snake.log_rate.copy_(torch.tensor([0.5, 1.0, 2.0]).log()[:, None])
    x = torch.linspace(-3, 3, 7).expand(2, 3, 7)
    expected = torch.stack([x[0, 0] + torch.sin(a * x[0, 0]) ** 2 / a for a in (0.5, 1.0, 2.0)])
    torch.testing.assert_close(snake(x)[0], expected)
    snake(x).sum().backward()
    assert (snake.log_rate.grad != 0).all()


def test_snake_continues_a_sine_in_slope_and_period():
    x = torch.linspace(0, 20, 2001)[None, None]
    wave = Snake(1)(x).detach() - x
    torch.testing.assert_close(wave[..., :-315], wave[..., 314:-1], atol=2e-2, rtol=0)
    assert float(wave.max()) == pytest.approx(1, abs=1e-3) and math.isclose(float(wave.min()), 0, abs_tol=1e-3)


@pytest.mark.parametrize("kind", ["silu", "snake"])
def test_a_residual_block_starts_as_the_identity(kind):
    block = ResidualBlock(4, 3, 2, kind)
    initialise(block)
    x = torch.randn(2, 4, 9)
    torch.testing.assert_close(block(x), x)


def test_a_centred_convolution_answers_no_constant_not_even_at_the_ends():
    layer = CentredConvolution(3, 5, 7)
    with torch.no_grad():
        assert layer(torch.randn(2, 3, 1).expand(2, 3, 11)).abs().max() < 1e-5
        assert layer(torch.randn(2, 3, 11)).abs().max() > 0.1
