import numpy as np
import pytest
import torch
from torch.nn import functional

from flowshot.models.autoencoders.vae.pqmf import PQMF, overlap_add, polyphase_kernel

BANDS = (2, 8, 32, 64)


def noise(samples, batch=2, seed=0):
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def signal_to_noise(signal, estimate):
    return float(10 * torch.log10(signal.square().sum() / (signal - estimate).square().sum()))


def there_and_back(bands, signal):
    """Analysis and synthesis with the silence around it that encoder and decoder add and cut off."""
    bank, edge = PQMF(bands), PQMF.EDGE * bands
    padded = functional.pad(signal, (edge, edge + -signal.shape[-1] % bands))
    return bank.synthesis(bank.analysis(padded))[:, edge : edge + signal.shape[-1]]


@pytest.mark.parametrize("bands", BANDS)
def test_synthesis_undoes_analysis_up_to_the_edges(bands):
    signal = noise(256 * bands + 1)
    back = there_and_back(bands, signal)
    for part in (slice(None), slice(2 * bands), slice(-2 * bands, None)):
        assert signal_to_noise(signal[:, part], back[:, part]) > 55


@pytest.mark.parametrize("bands", BANDS)
@pytest.mark.parametrize("at", [0, 1, 31, -1])
def test_a_click_comes_back_wherever_it_is(bands, at):
    click = torch.zeros(1, 100 * bands)
    click[0, at] = 1.0
    assert signal_to_noise(click, there_and_back(bands, click)) > 55


@pytest.mark.parametrize("bands", BANDS)
@pytest.mark.parametrize("frames", [1, 7, 40])
def test_analysis_is_critically_sampled(bands, frames):
    bank, signal = PQMF(bands), noise(frames * bands)
    sub_bands = bank.analysis(signal)
    assert sub_bands.shape == (2, bands, frames)
    assert bank.synthesis(sub_bands).shape == signal.shape


@pytest.mark.parametrize("bands", BANDS)
def test_no_energy_is_lost_or_made(bands):
    """At 1/bands of the samples and the same levels, the sub-bands hold 1/bands of the sum of squares."""
    signal = noise(512 * bands)
    energy = bands * PQMF(bands).analysis(signal).square().sum()
    assert float(energy / signal.square().sum()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("bands", [4, 16])
def test_a_sine_is_in_the_band_of_its_frequency_alone(bands):
    bank = PQMF(bands)
    for band in range(bands):
        frequency = (band + 0.5) / (2 * bands)
        sine = torch.sin(2 * torch.pi * frequency * torch.arange(256 * bands))[None]
        levels = bank.analysis(sine)[0, :, 20:-20].square().mean(-1)
        assert int(levels.argmax()) == band
        far = [other for other in range(bands) if abs(other - band) > 1]
        assert (10 * torch.log10(levels[far] / levels[band])).max() < -60


def test_the_filters_are_not_written_with_the_weights():
    assert PQMF(8).state_dict() == {}


@pytest.mark.parametrize(("channels", "bands", "periods"), [(1, 2, 2), (3, 4, 8), (8, 8, 12)])
@pytest.mark.parametrize("frames", [1, 5, 30])
def test_adding_overlapping_filters_is_a_transposed_convolution(channels, bands, periods, frames):
    filters = np.random.default_rng(0).normal(size=(channels, periods * bands + 1))
    values = torch.randn(2, channels, frames, generator=torch.Generator().manual_seed(0))
    kernel = torch.tensor(filters, dtype=torch.float32).unsqueeze(1)
    whole = functional.conv_transpose1d(values, kernel, stride=bands)[:, 0]
    start = periods * bands // 2
    torch.testing.assert_close(
        overlap_add(values, polyphase_kernel(filters, bands)), whole[:, start : start + frames * bands],
        atol=1e-4, rtol=0,
    )  # fmt: skip
