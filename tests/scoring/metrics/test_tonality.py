import numpy as np
import pytest

from flowshot.scoring.metrics.tonality import tonality

RATE = 16000
TIME = np.arange(RATE) / RATE


def noise(seed=0, rate=RATE):
    return 0.1 * np.random.default_rng(seed).normal(size=rate)


def harmonics(pitch, rate=RATE):
    time, count = np.arange(rate) / rate, int(0.45 * rate / pitch)
    return 0.3 * sum(np.sin(2 * np.pi * k * pitch * time + k * k) / k for k in range(1, count))


@pytest.mark.parametrize("rate", [16000, 44100])
def test_steady_tones_are_tonal_and_noise_is_not(rate):
    time = np.arange(rate) / rate
    chord = sum(0.1 * np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6, 1760.0))
    values = tonality(np.stack([chord, harmonics(130.8, rate), noise(rate=rate)]), rate)
    assert values[0] > 0.6 and values[1] > 0.85 and values[2] < 0.12


def test_it_falls_as_noise_covers_the_tones_whatever_the_level():
    tones, hiss = harmonics(200.0), noise()
    values = tonality(np.stack([tones + gain * hiss for gain in (0.0, 0.03, 0.3, 3.0)]), RATE)
    assert (np.diff(values) < 0).all() and values[-1] < 0.3
    assert tonality((0.3 * (tones + 0.3 * hiss))[None], RATE)[0] == pytest.approx(values[2], abs=0.05)


def test_the_frequencies_make_no_difference():
    values = tonality(np.stack([harmonics(pitch) for pitch in (110.0, 147.3, 233.1)]), RATE)
    assert np.ptp(values) < 0.1


def test_silence_has_none():
    values = tonality(np.stack([np.zeros(RATE), harmonics(200.0)]), RATE)
    assert np.isnan(values[0]) and np.isfinite(values[1])
