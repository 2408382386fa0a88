"""Attributes of sounds whose answer is known."""

import math

import pytest
import torch

from flowshot.clips.attributes import ATTRIBUTES, attributes

RATE = 16000
TIME = torch.arange(RATE) / RATE


def of(clip, name):
    return float(attributes(clip.unsqueeze(0), RATE)[0, ATTRIBUTES.index(name)])


def sine(hertz):
    return torch.sin(2 * math.pi * hertz * TIME)


def noise():
    return 0.3 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))


def test_brightness_is_the_centroid_on_a_logarithmic_scale():
    for hertz in (100, 400, 1600, 6400):
        assert of(sine(hertz), "brightness") == pytest.approx(math.log(hertz / 50) / math.log(8000 / 50), abs=0.02)


def test_attack_is_the_time_to_the_peak_on_a_logarithmic_scale():
    for seconds in (0.01, 0.1):
        rising = torch.where(seconds > TIME, TIME / seconds, 1.0) * sine(1000)
        assert of(rising, "attack") == pytest.approx(math.log(0.8 * seconds / 0.001) / math.log(1000), abs=0.03)
    assert of(sine(1000) * torch.exp(-20 * TIME), "attack") == 0


def test_noise_is_noisy_and_has_no_pitch():
    assert of(noise(), "noisiness") > 0.9 > 0.4 > of(sine(440), "noisiness")
    assert of(noise(), "pitch_strength") < 0.2
    for decay in (0, 10):
        assert of(sine(210) * torch.exp(-decay * TIME), "pitch_strength") > 0.95
    mixed = [of(share * sine(210) + (1 - share) * noise(), "pitch_strength") for share in (0.2, 0.5, 0.8)]
    assert mixed == sorted(mixed)


def test_a_click_has_no_pitch_in_the_silence_behind_it():
    for decay in (500, 1000):
        assert of(noise() * torch.exp(-decay * TIME), "pitch_strength") < 0.7


def test_bass_is_the_share_of_power_below_200_hertz():
    assert of(sine(80), "bass") > 0.99 and of(sine(1000), "bass") < 0.01
    assert of(sine(80) + sine(1000), "bass") == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    "clip", [torch.zeros(RATE), torch.ones(RATE), torch.eye(1, RATE)[0], sine(8000), torch.zeros(64)]
)
def test_every_clip_has_finite_attributes_from_0_to_1(clip):
    found = attributes(clip.expand(2, -1), RATE)
    assert found.shape == (2, len(ATTRIBUTES)) and torch.isfinite(found).all()
    assert found.min() >= 0 and found.max() <= 1


def test_loudness_changes_nothing():
    clips = torch.stack([noise(), sine(300) * torch.exp(-5 * TIME)])
    torch.testing.assert_close(attributes(clips, RATE), attributes(0.1 * clips, RATE), atol=1e-3, rtol=0)
