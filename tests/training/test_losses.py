import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.training.config import LossConfig
from flowshot.training.losses import ReconstructionLoss

TERMS = LossConfig.TERMS


EVERYTHING = LossConfig(**dict.fromkeys(TERMS, 1.0), log_floors=(1e-2, 1e-4))


def noise(batch, samples, seed=0, level=0.3):
    return level * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def only(term, **changes):
    return LossConfig(**{**dict.fromkeys(TERMS, 0.0), term: 1.0, "fft_sizes": (512, 128), **changes})


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_zero_for_equal_clips_and_above_for_others(term):
    loss = ReconstructionLoss(only(term), 16000)
    clips, others = noise(3, 2000), noise(3, 2000, seed=1, level=0.1)
    equal, terms = loss(clips, clips)
    assert list(terms) == [term]
    assert equal.shape == (3,)
    # The root in the linear term keeps a hair's breadth, so that its slope stays finite.
    assert (equal.abs() < 1e-3).all()
    assert (loss(clips, others)[0] > 0.1).all()


def test_a_clip_counts_alone_in_its_batch():
    loss = ReconstructionLoss(LossConfig(), 16000)
    clips, others = noise(3, 4000), noise(3, 4000, seed=1)
    together = loss(clips, others)[0]
    apart = torch.cat([loss(clips[i : i + 1], others[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, apart)


def test_the_total_is_the_weighted_sum_of_the_terms():
    weights = dict(zip(TERMS, (3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0), strict=True))
    config = LossConfig(**weights, log_floors=(1e-2, 1e-5))
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
    with_long = ReconstructionLoss(LossConfig(fft_sizes=(4096, 512, 128)), 16000)(clips, others)[0]
    torch.testing.assert_close(with_long, ReconstructionLoss(LossConfig(fft_sizes=(512, 128)), 16000)(clips, others)[0])


@pytest.mark.parametrize("term", TERMS)
def test_repulsion_takes_off_half_the_distance_of_two_estimates(term):
    one, two, clips = (noise(2, 2000, seed=seed) for seed in range(3))
    plain, repelled = (ReconstructionLoss(only(term, repulsion=share), 16000) for share in (0.0, 1.0))
    mean = 0.5 * (plain(one, clips)[0] + plain(two, clips)[0])
    assert (repelled(one, clips, two)[0] < mean).all()
    torch.testing.assert_close(repelled(one, clips, one)[0], plain(one, clips)[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("repulsion", "best"), [(0.0, 0.8), (1.0, 1.0)])
def test_with_repulsion_noise_as_loud_as_the_recordings_is_best(repulsion, best):
    """Without it the smallest loss is that of noise which is too soft."""
    loss = ReconstructionLoss(only("linear_stft", repulsion=repulsion), 16000)
    clips, one, two = (noise(16, 4000, seed=seed) for seed in range(3))
    total = {level: float(loss(level * one, clips, level * two)[0].mean()) for level in (0.8, 1.0, 1.25)}
    assert min(total, key=total.__getitem__) == best


def test_several_floors_count_as_the_mean_of_each():
    clips, others = noise(2, 2000), noise(2, 2000, seed=1, level=0.01)
    for term in ("log_stft", "mel"):
        apart = [ReconstructionLoss(only(term, log_floors=(floor,)), 16000)(clips, others)[0] for floor in (1e-2, 1e-5)]
        together = ReconstructionLoss(only(term, log_floors=(1e-2, 1e-5)), 16000)(clips, others)[0]
        torch.testing.assert_close(together, (apart[0] + apart[1]) / 2)


def test_the_same_noise_drawn_anew_costs_less_in_mel_bands_than_in_bins():
    clips, others = noise(2, 16000), noise(2, 16000, seed=1)
    bins, bands = (ReconstructionLoss(only(term), 16000)(clips, others)[0] for term in ("log_stft", "mel"))
    assert (bands < 0.7 * bins).all()
