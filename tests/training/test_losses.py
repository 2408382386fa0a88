import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.config import LossConfig
from flowshot.training.losses import (
    ReconstructionLoss,
    energy_distance,
    linear_distance,
    log_distance,
    magnitude,
    waveform_distance,
)

TERMS = ("linear_stft", "log_stft", "energy", "waveform")
FLOOR = 1e-4


def noise(batch, samples, seed=0, level=0.3):
    return level * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def only(term, **changes):
    return LossConfig(**{**dict.fromkeys(TERMS, 0.0), term: 1.0, "fft_sizes": (512, 128), **changes})


@pytest.mark.parametrize("fft_size", [64, 512, 2048])
def test_a_full_scale_sine_has_magnitude_one(fft_size):
    bin_number = fft_size // 8
    sine = torch.sin(2 * math.pi * bin_number / fft_size * torch.arange(4 * fft_size))[None]
    spectrum = magnitude(sine, fft_size, torch.hann_window(fft_size))
    assert spectrum.shape == (1, fft_size // 2 + 1, 17)
    assert spectrum[0, bin_number, 4:-4].mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_zero_for_equal_clips_and_above_for_others(term):
    loss = ReconstructionLoss(only(term))
    clips, others = noise(3, 2000), noise(3, 2000, seed=1, level=0.1)
    equal, terms = loss(clips, clips)
    assert list(terms) == [term]
    assert equal.shape == (3,)
    # The root in the linear term keeps a hair's breadth, so that its slope stays finite.
    assert (equal.abs() < 1e-3).all()
    assert (loss(clips, others)[0] > 0.1).all()


def test_a_clip_counts_alone_in_its_batch():
    loss = ReconstructionLoss(LossConfig())
    clips, others = noise(3, 4000), noise(3, 4000, seed=1)
    together = loss(clips, others)[0]
    apart = torch.cat([loss(clips[i : i + 1], others[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, apart)


def test_the_total_is_the_weighted_sum_of_the_terms():
    config = LossConfig(linear_stft=3.0, log_stft=5.0, energy=7.0, waveform=11.0)
    total, terms = ReconstructionLoss(config)(noise(4, 3000), noise(4, 3000, seed=1))
    expected = sum(getattr(config, name) * float(value) for name, value in terms.items())
    assert set(terms) == set(TERMS)
    assert float(total.mean()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimate", [0.0, 0.5])
@pytest.mark.parametrize("target", [0.0, 0.5])
def test_gradients_are_finite_at_silence(estimate, target):
    clips = (noise(2, 3000) * estimate).requires_grad_()
    total, _ = ReconstructionLoss(LossConfig())(clips, noise(2, 3000, seed=1) * target)
    total.sum().backward()
    assert torch.isfinite(total).all() and torch.isfinite(clips.grad).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(samples=st.integers(1, 3000), batch=st.integers(1, 3))
def test_clips_of_any_length_have_a_finite_loss(samples, batch):
    """Scales that are longer than the clips are left out."""
    clips = noise(batch, samples).requires_grad_()
    total, _ = ReconstructionLoss(LossConfig())(clips, noise(batch, samples, seed=1))
    total.sum().backward()
    assert total.shape == (batch,)
    assert torch.isfinite(total).all() and torch.isfinite(clips.grad).all()


def test_scales_longer_than_the_clips_change_nothing():
    clips, others = noise(2, 600), noise(2, 600, seed=1)
    with_long = ReconstructionLoss(LossConfig(fft_sizes=(4096, 512, 128)))(clips, others)[0]
    torch.testing.assert_close(with_long, ReconstructionLoss(LossConfig(fft_sizes=(512, 128)))(clips, others)[0])


def test_a_faint_hiss_in_silence_is_heard_by_the_log_terms_and_not_by_the_linear_one():
    burst = torch.zeros(1, 4000)
    burst[:, :500] = noise(1, 500)
    hissing = burst + noise(1, 4000, seed=1, level=1e-3)
    window = torch.hann_window(512)
    spectra = [magnitude(clips, 512, window) for clips in (hissing, burst)]
    assert linear_distance(*spectra) < 0.02
    assert log_distance(*spectra, FLOOR) > 0.2
    assert energy_distance(hissing, burst, FLOOR) > 1.0


def test_half_the_level_is_a_distance_of_half_and_of_log_two():
    clips = noise(1, 8000)
    window = torch.hann_window(512)
    spectra = [magnitude(clips / 2, 512, window), magnitude(clips, 512, window)]
    assert linear_distance(*spectra) == pytest.approx(0.5, abs=1e-3)
    assert log_distance(*spectra, 1e-9) == pytest.approx(math.log(2), abs=1e-3)
    assert energy_distance(clips / 2, clips, 1e-9) == pytest.approx(math.log(2), abs=1e-3)
    assert waveform_distance(clips / 2, clips) == pytest.approx(0.5, abs=5e-3)
