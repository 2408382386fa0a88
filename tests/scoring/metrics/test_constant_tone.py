import numpy as np
import pytest

from flowshot.scoring.metrics.constant_tone import constant_tone

SAMPLE_RATE = 16000


def sounds(count=60, seed=0):
    """Noise, and in each clip a loud tone of its own."""
    generator = np.random.default_rng(seed)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    tones = np.sin(2 * np.pi * generator.uniform(100, 7900, (count, 1)) * time)
    return 0.1 * tones + 0.02 * generator.standard_normal((count, len(time)))


def added(frequency, amplitude):
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    return amplitude * np.cos(2 * np.pi * frequency * time)


def test_clips_with_tones_of_their_own_share_none():
    assert constant_tone(sounds(), SAMPLE_RATE)[0] < 4


@pytest.mark.parametrize("frequency", [0.0, 500.0, 3333.0, 8000.0])
def test_a_tone_that_is_in_every_clip_is_found_with_its_frequency(frequency):
    level, place, _ = constant_tone(sounds() + added(frequency, 0.01), SAMPLE_RATE)
    assert level > 8
    assert place == pytest.approx(frequency, abs=4)


def test_the_louder_the_shared_tone_the_higher_the_number_and_gain_changes_nothing():
    levels = [constant_tone(sounds() + added(1000, amplitude), SAMPLE_RATE)[0] for amplitude in (0.003, 0.01, 0.03)]
    assert levels[0] < levels[1] < levels[2]
    assert constant_tone(0.5 * (sounds() + added(1000, 0.01)), SAMPLE_RATE)[0] == pytest.approx(levels[1], abs=0.1)


def test_silent_clips_and_clips_that_are_no_numbers_do_not_count():
    clips = sounds() + added(1000, 0.01)
    worse = np.concatenate([clips, np.zeros((30, clips.shape[1])), np.full((1, clips.shape[1]), np.nan)])
    assert constant_tone(worse, SAMPLE_RATE) == constant_tone(clips, SAMPLE_RATE)
    assert constant_tone(np.zeros((3, 100)), SAMPLE_RATE) == (0.0, 0.0, 0)


@pytest.mark.parametrize("sample_rate", [8000, 44100])
@pytest.mark.parametrize("samples", [1, 300])
def test_any_rate_and_length_gives_a_number(sample_rate, samples):
    clips = np.random.default_rng(0).standard_normal((4, samples))
    assert np.isfinite(constant_tone(clips, sample_rate)).all()
