import numpy as np
import pytest
from scipy.signal import freqz

from flowshot.listening.build import low_anchor
from flowshot.listening.loudness import (
    CEILING_DB,
    HIGH_PASS,
    LOWEST_LEVEL,
    SHELF,
    k_weighting,
    match_loudness,
    momentary_loudness,
)


def sine(frequency, seconds, rate, peak=1.0):
    return (peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_full_scale_sine_of_997_hz_has_the_loudness_of_the_standard(rate):
    """BS.1770: -3.01 LKFS in one channel."""
    assert momentary_loudness(sine(997, 1, rate)[None], rate)[0] == pytest.approx(-3.01, abs=0.03)


def test_silence_behind_a_sound_does_not_make_it_quieter_but_brevity_does():
    rate = 16000
    short, long = sine(1000, 0.1, rate), sine(1000, 0.8, rate)
    behind = np.concatenate([long, np.zeros(3 * rate)])
    assert momentary_loudness(behind[None], rate)[0] == pytest.approx(momentary_loudness(long[None], rate)[0], abs=0.01)
    brief = momentary_loudness(np.pad(short, (0, rate))[None], rate)[0]
    assert brief == pytest.approx(momentary_loudness(long[None], rate)[0] - 10 * np.log10(4), abs=0.1)


def test_low_frequencies_count_less_than_high_ones():
    rate = 48000
    low, high = momentary_loudness(np.stack([sine(40, 1, rate), sine(4000, 1, rate)]), rate)
    assert high - low > 5


def test_matched_clips_are_equally_loud_and_never_clip():
    rate = 16000
    generator = np.random.default_rng(0)
    clips = generator.normal(size=(20, rate)) * np.exp(-np.arange(rate) / (200 + 3000 * generator.random((20, 1))))
    clips = (clips / np.abs(clips).max(axis=1, keepdims=True) * generator.uniform(0.01, 1, (20, 1))).astype(np.float32)
    matched = match_loudness(clips, rate)
    assert matched.unmatched == []
    np.testing.assert_allclose(momentary_loudness(matched.clips, rate), matched.level, atol=1e-3)
    assert np.abs(matched.clips).max() <= 10 ** (CEILING_DB / 20) + 1e-6


def test_silence_and_a_single_click_are_left_as_they_can_be_and_named():
    rate = 16000
    clips = np.zeros((3, rate), dtype=np.float32)
    clips[1, 50] = 0.001
    clips[2] = sine(500, 1, rate, 0.1)
    matched = match_loudness(clips, rate)
    assert matched.unmatched == [0, 1] and matched.level == LOWEST_LEVEL
    assert not matched.clips[0].any()
    assert np.abs(matched.clips[1]).max() == pytest.approx(10 ** (CEILING_DB / 20))


def test_an_anchor_is_dull_and_hisses_where_the_sound_has_ended():
    rate = 16000
    clip = (sine(300, 1, rate) + sine(6000, 1, rate)) / 2
    clip[rate // 2 :] = 0
    (anchor,) = low_anchor(clip[None], rate, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(anchor[: rate // 2])) / np.abs(np.fft.rfft(clip[: rate // 2]))
    assert spectrum[150] == pytest.approx(1, abs=0.05) and spectrum[3000] < 0.05
    assert anchor[-rate // 4 :].std() > 0.003


def test_the_weighting_is_that_of_the_standards_filters():
    """BS.1770 states a gain of +0.691 dB at 997 Hz, which its -0.691 dB of offset takes back."""
    assert 20 * np.log10(k_weighting(48000, 48000)[997]) == pytest.approx(0.691, abs=0.01)
    responses = [freqz(above, below, 256)[1] for above, below in (SHELF, HIGH_PASS)]
    np.testing.assert_allclose(k_weighting(512, 48000)[:256], abs(responses[0] * responses[1]), rtol=1e-5, atol=1e-7)


def test_the_weighting_of_a_frequency_does_not_depend_on_the_sample_rate():
    np.testing.assert_allclose(k_weighting(1600, 16000), k_weighting(4800, 48000)[:801])
    assert np.isfinite(k_weighting(2048, 96000)).all()
