"""The moving average of the weights, in itself and in training."""

import pytest
import torch
from flowshot.models.autoencoders.vae.averaging import WeightAverage, decay_at
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE


class Scalar(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("seen", torch.zeros(()))

    def set(self, value):
        with torch.no_grad():
            self.weight.fill_(value)
            self.seen.fill_(value)


@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=30), decay=st.floats(0.01, 0.999))
def test_the_average_of_a_scalar_is_the_weighted_sum_of_its_values(values, decay):
    """a_0 = w_0, a_k = d_k a_{k-1} + (1 - d_k) w_k with d_k = min(decay, (1 + k) / (10 + k)), written as one sum."""
    model = Scalar()
    average = WeightAverage(model, decay)
    for value in values:
        model.set(value)
        average.update()
    decays = [1.0, *(min(decay, (1 + k) / (10 + k)) for k in range(1, len(values)))]
    shares = [(1.0 if k == 0 else 1 - decays[k]) for k in range(len(values))]
    for k in range(len(values)):
        for later in range(k + 1, len(values)):
            shares[k] *= decays[later]
    assert sum(shares) == pytest.approx(1)
    wanted = sum(share * value for share, value in zip(shares, values, strict=True))
    assert float(average.model.weight.detach()) == pytest.approx(wanted, abs=1e-4)
    assert float(average.model.seen) == float(torch.tensor(values[-1])), "buffers are copied"


def test_the_decay_starts_short_and_reaches_its_value():
    decays = [decay_at(updates, 0.99) for updates in range(2000)]
    assert decays[0] == 0.1 and decays == sorted(decays)
    assert decays[-1] == 0.99 and decays[800] < 0.99


def test_the_average_does_not_touch_the_model():
    model = Scalar()
    average = WeightAverage(model, 0.5)
    for value in (1.0, 2.0, 3.0):
        model.set(value)
        average.update()
        assert float(model.weight.detach()) == value
    assert average.model is not model
    assert 1.0 < float(average.model.weight.detach()) < 3.0


def test_without_decay_the_average_is_the_model_itself():
    model = Scalar()
    average = WeightAverage(model, 0.0)
    average.update()
    assert average.model is model


@pytest.mark.parametrize("flows", [{}, {"posterior_flow": "iaf", "prior_flow": "nsf"}], ids=["no_nf", "nf_both"])
def test_an_averaged_autoencoder_reconstructs_as_its_source_when_that_does_not_change(flows):
    config = VAEConfig(bands=4, latent_size=4, channels=(8,), strides=(4,), flow_layers=1, flow_width=8, **flows)
    model, clips = VAE(config, 256), torch.rand(2, 256) - 0.5
    average = WeightAverage(model, 0.9)
    for _ in range(3):
        average.update()
    with torch.no_grad():
        source, averaged = (each(clips, torch.Generator().manual_seed(0)) for each in (model, average.model))
    assert torch.allclose(source.clips, averaged.clips, atol=1e-5)
    assert torch.allclose(source.kl, averaged.kl, rtol=1e-4)
