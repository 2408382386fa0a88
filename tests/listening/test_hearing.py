import math

import numpy as np
import pytest
import torch
from scipy.signal import freqz

from flowshot.listening.hearing import k_weighting, mel_filters


@pytest.mark.parametrize("fft_size", [16, 128, 2048])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 96000])
def test_every_band_is_an_average_over_some_bins(fft_size, sample_rate):
    filters = mel_filters(min(64, fft_size // 8), fft_size, sample_rate)
    assert filters.shape == (min(64, fft_size // 8), fft_size // 2 + 1)
    torch.testing.assert_close(filters.sum(1), torch.ones(len(filters)))
    assert (filters >= 0).all()


def test_bands_are_equally_far_apart_in_mel():
    filters = mel_filters(40, 8192, 16000).double()
    centres = filters @ torch.linspace(0, 8000, 4097, dtype=torch.float64)
    mel = 2595 * (1 + centres / 700).log10()
    torch.testing.assert_close(mel.diff(), torch.full((39,), 2840.02 / 41, dtype=torch.float64), atol=1.5, rtol=0)


def test_the_weighting_is_that_of_the_standards_filters():
    """BS.1770 states a gain of +0.691 dB at 997 Hz, which its -0.691 dB of offset takes back."""
    gains = k_weighting(48000, 48000)
    assert 20 * math.log10(gains[997]) == pytest.approx(0.691, abs=0.01)
    shelf = freqz(
        [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585], 256
    )
    high = freqz([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], 256)
    np.testing.assert_allclose(k_weighting(512, 48000)[:256], abs(shelf[1] * high[1]), rtol=1e-5, atol=1e-7)


def test_the_weighting_of_a_frequency_does_not_depend_on_the_sample_rate():
    torch.testing.assert_close(k_weighting(1600, 16000), k_weighting(4800, 48000)[:801])
    assert torch.isfinite(k_weighting(2048, 96000)).all()
