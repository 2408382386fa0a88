import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from defaults import default
from flowshot.training.config import LossConfig
from flowshot.training.losses import ReconstructionLoss

TERMS = LossConfig.TERMS


def config_of(**changes):
    return default(LossConfig, "train.loss", **changes)


EVERYTHING = config_of(**dict.fromkeys(TERMS, 1.0))


def noise(batch, samples, seed=0, level=0.3):
    return level * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def only(term, **changes):
    return config_of(**{**dict.fromkeys(TERMS, 0.0), term: 1.0, "fft_sizes": (512, 128), **changes})


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_zero_for_equal_clips_and_above_for_others(term):
    loss = ReconstructionLoss(only(term), 16000)
    clips, others = noise(3, 2000), noise(3, 2000, seed=1, level=0.1)
    equal, terms = loss(clips, clips)
    assert list(terms) == [term]
    assert equal.shape == (3,)
    assert (equal == 0).all()
    assert (loss(clips, others)[0] > 0.1).all()


def test_a_clip_counts_alone_in_its_batch():
    loss = ReconstructionLoss(config_of(), 16000)
    clips, others = noise(3, 4000), noise(3, 4000, seed=1)
    together = loss(clips, others)[0]
    apart = torch.cat([loss(clips[i : i + 1], others[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, apart)


def test_the_total_is_the_weighted_sum_of_the_terms():
    config = config_of(**dict(zip(TERMS, (3.0, 5.0, 7.0), strict=True)))
    total, terms = ReconstructionLoss(config, 16000)(noise(4, 3000), noise(4, 3000, seed=1))
    expected = sum(getattr(config, name) * float(value) for name, value in terms.items())
    assert set(terms) == set(TERMS)
    assert float(total.mean()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("estimate", [0.0, 0.5])
@pytest.mark.parametrize("target", [0.0, 0.5])
def test_gradients_are_finite_at_silence(estimate, target):
    clips = (noise(2, 3000) * estimate).requires_grad_()
    total, _ = ReconstructionLoss(EVERYTHING, 16000)(clips, noise(2, 3000, seed=1) * target)
    total.sum().backward()
    assert torch.isfinite(total).all() and torch.isfinite(clips.grad).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(samples=st.integers(1, 3000), batch=st.integers(1, 3))
def test_clips_of_any_length_have_a_finite_loss(samples, batch):
    """Scales that are longer than the clips are left out."""
    clips = noise(batch, samples).requires_grad_()
    total, _ = ReconstructionLoss(EVERYTHING, 16000)(clips, noise(batch, samples, seed=1))
    total.sum().backward()
    assert total.shape == (batch,)
    assert torch.isfinite(total).all() and torch.isfinite(clips.grad).all()


def test_scales_longer_than_the_clips_change_nothing():
    clips, others = noise(2, 600), noise(2, 600, seed=1)
    with_long = ReconstructionLoss(config_of(fft_sizes=(4096, 512, 128)), 16000)(clips, others)[0]
    torch.testing.assert_close(with_long, ReconstructionLoss(config_of(fft_sizes=(512, 128)), 16000)(clips, others)[0])


def test_the_same_noise_drawn_anew_costs_less_in_mel_bands_than_in_bins():
    clips, others = noise(2, 16000), noise(2, 16000, seed=1)
    bins, bands = (ReconstructionLoss(only(term), 16000)(clips, others)[0] for term in ("log_stft", "mel"))
    assert (bands < 0.7 * bins).all()
