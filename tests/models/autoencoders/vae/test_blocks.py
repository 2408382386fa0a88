import pytest
import torch

from flowshot.models.autoencoders.vae.blocks import Upsample, initialise


@pytest.mark.parametrize("stride", [2, 4, 5])
def test_upsampling_leaves_no_tone_at_the_strides_rate(stride):
    torch.manual_seed(0)
    layer = Upsample(6, 4, stride)
    initialise(layer)
    with torch.no_grad():
        frames = layer(torch.randn(1, 6, 1).expand(1, 6, 20))
    assert frames.shape == (1, 4, 20 * stride)
    inner = frames[..., 4 * stride : -4 * stride]
    # Energy at the stride's rate and its multiples, relative to the mean, away from the edges.
    folded = inner.unflatten(-1, (-1, stride)).mean(-2)
    assert float((folded - folded.mean(-1, keepdim=True)).abs().max() / folded.abs().mean()) < 1e-5


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_upsampling_starts_with_the_power_it_is_given(stride):
    torch.manual_seed(0)
    layer = Upsample(64, 64, stride)
    initialise(layer)
    with torch.no_grad():
        power = layer(torch.randn(8, 64, 100)).square().mean()
    assert 0.5 < float(power) < 2
