import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowshot.training.spectrum import EPSILON, magnitude, mel_filters


@pytest.mark.parametrize("fft_size", [64, 512, 2048])
def test_a_full_scale_sine_has_magnitude_one(fft_size):
    bin_number = fft_size // 8
    sine = torch.sin(2 * math.pi * bin_number / fft_size * torch.arange(4 * fft_size))[None]
    spectrum = magnitude(sine, fft_size, torch.hann_window(fft_size))
    assert spectrum.shape == (1, fft_size // 2 + 1, 17)
    assert spectrum[0, bin_number, 4:-4].mean() == pytest.approx(1, abs=0.01)


def by_torch(clips, fft_size, window):
    spectrum = torch.stft(clips, fft_size, fft_size // 4, window=window, return_complex=True, pad_mode="constant")
    return (spectrum.abs().square() + EPSILON**2).sqrt() * (2 / window.sum())


@given(st.sampled_from([8, 17, 64, 130, 512]), st.integers(1, 700), st.integers(0, 9))
def test_magnitudes_and_their_gradient_are_those_of_torchs_own_transform(fft_size, samples, seed):
    clips = torch.randn(2, samples, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    window = torch.hann_window(fft_size, dtype=torch.double)
    found, expected = (f(clips.requires_grad_(), fft_size, window) for f in (magnitude, by_torch))
    torch.testing.assert_close(found, expected)
    weights = torch.rand(found.shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    gradients = [torch.autograd.grad((of * weights).sum(), clips)[0] for of in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_gradient_of_silence_is_a_number():
    clips = torch.zeros(1, 300, requires_grad=True)
    magnitude(clips, 64, torch.hann_window(64)).sum().backward()
    assert torch.isfinite(clips.grad).all()


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
