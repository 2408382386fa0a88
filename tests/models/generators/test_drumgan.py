"""DrumGAN against its formulas: spectrogram, networks, growth, penalty, and the attributes that are asked for."""

import math
from collections import Counter

import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.generators.drumgan.config import DrumganConfig, check_drumgan
from flowshot.models.generators.drumgan.model import Drumgan
from flowshot.models.generators.drumgan.network import (
    Discriminator,
    SpectrogramGenerator,
    downsampled,
    pixel_norm,
    upsampled,
    with_batch_deviation,
)
from flowshot.models.generators.drumgan.spectrum import Spectrum
from flowshot.models.generators.drumgan.training import at_scale, gradient_penalty, growth, sizes_of, train
from seeded import generator
from training_jobs import job_on


def config(**changes):
    values = {
        "fft_size": 64, "hop": 16, "latent_size": 4, "widths": (8, 6, 4), "condition": "none",
        "attribute_weight": 10.0, "last_share": 0.4, "fade_share": 0.5, "average": 0.9,
    }  # fmt: skip
    return DrumganConfig(**(values | changes))


def tones(count=8, samples=256):
    """Enveloped tones `[count, samples]` above the lowest frequencies of a transform."""
    time, rising = torch.arange(samples).double(), torch.linspace(0.15, 0.4, count).double().unsqueeze(1)
    envelope = torch.sin(math.pi * time / samples).pow(4)
    return (0.8 * envelope * torch.sin(2 * math.pi * rising * time)).float()


@pytest.mark.parametrize(("samples", "fft_size", "hop"), [(16000, 1024, 256), (16383, 1024, 256), (16000, 512, 256)])
def test_a_clip_without_a_constant_comes_back(samples, fft_size, hop):
    clips = tones(2, samples)
    spectrum = Spectrum(config(fft_size=fft_size, hop=hop), samples)
    found = spectrum.of(clips)
    assert found.shape == (2, 2, fft_size // 2, 64)
    torch.testing.assert_close(spectrum.clips(found), clips, atol=1e-5, rtol=0)


def test_sizes_are_those_of_the_published_networks():
    """2.88 and 3.86 million parameters, at 128 latent dimensions and 7 attributes."""
    sizes = (256, 128, 128, 128, 64, 32), (1024, 32)
    for network, millions in ((SpectrogramGenerator(135, *sizes), 2.88), (Discriminator(7, *sizes), 3.87)):
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_pixels_have_a_mean_square_of_1():
    found = pixel_norm(5 * torch.randn(2, 8, 3, 4, generator=generator()))
    torch.testing.assert_close(found.square().mean(1), torch.ones(2, 3, 4))


def test_equal_clips_have_no_deviation_and_others_have():
    x = torch.randn(4, 3, 2, 2, generator=generator())
    assert with_batch_deviation(x[:1].expand(4, -1, -1, -1))[:, 3].abs().max() < 1e-10
    assert with_batch_deviation(x)[:, 3].min() > 0.1
    assert with_batch_deviation(x[:3]).shape == (3, 4, 2, 2) and with_batch_deviation(x[:1]).shape == (1, 4, 2, 2)
    same = torch.zeros(4, 3, 2, 2, requires_grad=True)
    with_batch_deviation(same).sum().backward()
    assert torch.isfinite(same.grad).all()


def test_groups_of_four_are_compared_with_themselves():
    x = torch.randn(8, 3, 2, 2, generator=generator())
    x[[0, 2, 4, 6]] = x[0].clone()  # clips of a group lie a quarter of the batch apart
    found = with_batch_deviation(x)[:, 3, 0, 0]
    assert found[0].abs() < 1e-10 and found[1] > 0.1


def test_the_penalty_of_a_linear_score_is_known():
    weight = torch.randn(3, 4, generator=generator())
    points = torch.randn(5, 3, 4, generator=generator())
    found = gradient_penalty(lambda x: (weight * x).sum((1, 2)), points)
    assert float(found) == pytest.approx(10 * (float(weight.norm()) - 1) ** 2, rel=1e-5)


@torch.no_grad()
def test_a_new_scale_begins_as_the_one_before_it():
    torch.manual_seed(0)
    network, latent, asked = SpectrogramGenerator(4, (8, 6, 4), (32, 20)), torch.randn(2, 4), torch.zeros(2, 0)
    for scale in (1, 2):
        small, begun, grown = (network(latent, asked, *at) for at in ((scale - 1, 1.0), (scale, 0.0), (scale, 1.0)))
        assert torch.equal(upsampled(small), begun) and not torch.allclose(begun, grown, atol=0.01)
    critic = Discriminator(0, (8, 6, 4), (32, 20))
    small, begun = critic(downsampled(grown), 1, 1.0)[1], critic(grown, 2, 0.0)[1]
    torch.testing.assert_close(small, begun)
    sizes = torch.tensor([1.0, 2.0, 4.0])
    former = upsampled(at_scale(downsampled(grown), sizes[:2], 1, 1.0))
    torch.testing.assert_close(at_scale(grown, sizes, 2, 0.0), former)
    torch.testing.assert_close(at_scale(grown, sizes, 2, 1.0), grown / 4)


def test_spectrograms_have_a_mean_square_of_1_at_every_scale():
    spectrum, clips = Spectrum(config(), 256), tones(70)
    sizes = sizes_of(spectrum, clips.numpy(), 3)
    for scale in range(3):
        assert float(at_scale(spectrum.of(clips), sizes, scale, 1.0).square().mean()) == pytest.approx(1, rel=1e-4)
    assert sizes_of(spectrum, torch.zeros(2, 256).numpy(), 3).min() > 0  # clips with nothing are not divided by 0


def test_every_scale_has_its_share_of_the_steps():
    steps = [growth(step, 1000, 4, 0.4, 0.5) for step in range(1000)]
    assert Counter(scale for scale, _ in steps) == {0: 200, 1: 200, 2: 200, 3: 400}
    assert steps[199] == (0, 1.0) and steps[200] == (1, 0.0) and steps[250][1] == pytest.approx(0.5)
    assert all(fade == 1 for _, fade in (*steps[300:400], *steps[800:]))
    assert growth(0, 1, 6, 0.4, 0.5)[0] == 0 and growth(0, 5, 1, 0.4, 0.5) == (0, 1.0)


def test_a_training_grows_and_keeps_its_last_weights():
    torch.manual_seed(0)
    model = Drumgan(config(), 256, 16000)
    settings = {"precision": "float32", "log_every": 1, "validate_every": 5}
    found = train(model, job_on(tones().numpy(), tones().numpy(), steps=12, batch_size=4, train_section=settings))
    assert [row["scale"] for row in found.history][-1] == 3.0
    assert found.best_step == 12 and all(
        torch.equal(found.best[name], value) for name, value in model.state_dict().items()
    )
    assert all(math.isfinite(row["wasserstein"]) for row in found.history)


def test_what_is_asked_for_is_given_and_the_rest_comes_from_clips_like_it():
    torch.manual_seed(0)
    model = Drumgan(config(condition="attributes"), 256, 16000)
    model.known.copy_(torch.rand(model.known.shape, generator=generator()))
    model.known[:, 1] = model.known[:, 0]
    drawn = model.draw_attributes(50, generator(), {"brightness": 0.9})
    assert torch.equal(drawn[:, 0], torch.full((50,), 0.9)) and (drawn[:, 1] - 0.9).abs().max() < 0.1
    assert len(drawn[:, 2].unique()) > 10
    with torch.no_grad():
        dark, bright = (model.sample_asked(torch.full((2, 5), value), generator()) for value in (0.0, 1.0))
    assert dark.shape == (2, 256) and not torch.allclose(dark, bright)


def test_the_attributes_of_training_clips_are_learned():
    model = Drumgan(config(condition="attributes"), 256, 16000)
    train(model, job_on(tones().numpy(), tones().numpy(), steps=1, train_section={"precision": "float32"}))
    assert model.known.shape == (512, 5) and torch.equal(model.known[:8], model.known[8:16])
    assert model.known[:8, 0].diff().min() > 0  # the tones rise


@pytest.mark.parametrize(
    ("changes", "samples", "message"),
    [
        ({"fft_size": 100}, 1600, "use 96"),
        ({"fft_size": 64}, 40, "longer than clips of 40"),
        ({"hop": 31, "widths": (2,) * 6}, 2100, r"68 frames.*use a hop of \d+"),
        ({"widths": (2,) * 6}, 64, "use fewer widths"),
    ],
)
def test_what_does_not_fit_a_clip_is_one_line_that_says_what_would(changes, samples, message):
    with pytest.raises(FlowshotError, match=message) as caught:
        check_drumgan("drumgan", config(**changes), samples, 16000)
    assert "\n" not in str(caught.value)
