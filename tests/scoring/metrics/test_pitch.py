import numpy as np
import pytest

from flowshot.scoring.metrics.pitch import pitch_kept, track_pitch

RATE = 16000


def tone(pitch, rate=RATE):
    time = np.arange(rate) / rate
    return (0.3 * sum(np.sin(2 * np.pi * k * pitch * time + k) / k for k in range(1, 6))).astype(np.float32)


def noise(seed=0):
    return (0.2 * np.random.default_rng(seed).normal(size=RATE)).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("pitch", [82.4, 220.0, 440.0, 987.8])
def test_the_pitch_of_a_known_tone_is_found_within_ten_cents(pitch, rate):
    hertz, confidence = track_pitch(tone(pitch, rate)[None], rate)
    inner = slice(5, -5)
    assert (confidence[0, inner] > 0.5).all()
    assert (np.abs(1200 * np.log2(hertz[0, inner] / pitch)) < 10).all()


def test_what_is_kept_is_told_from_what_is_lost():
    originals = np.stack([tone(220.0)] * 4 + [noise()])
    made = np.stack(
        [tone(220.0 * 2 ** (30 / 1200)), tone(220.0 * 2 ** (80 / 1200)), tone(440.0), noise(1), tone(220.0)]
    )
    voiced, within_50_cents = pitch_kept(made, originals, RATE)
    np.testing.assert_array_less(0.9, voiced[:3])
    np.testing.assert_array_less(0.9, within_50_cents[0])
    np.testing.assert_array_less(within_50_cents[1:4], 0.1)
    assert voiced[3] < 0.1
    same = pitch_kept(originals, originals, RATE)[1]
    assert (same[:4] == 1).all()


def test_an_original_without_pitch_has_none_to_keep():
    silence = np.zeros((1, RATE), np.float32)
    kept = pitch_kept(tone(220.0)[None], silence, RATE)
    assert np.isnan(kept).all()
