import numpy as np
import pytest
from scipy.signal import lfilter

from flowshot.scoring.metrics.spectral import log_spectral_distance
from flowshot.scoring.metrics.waveform import envelope_correlation, si_sdr

RATE = 8000


def tones(n: int = 4) -> np.ndarray:
    time = np.arange(RATE // 2) / RATE
    return np.stack([np.sin(2 * np.pi * (200 + 90 * i) * time) * np.exp(-time * (3 + 2 * i)) for i in range(n)])


def test_si_sdr_is_the_ratio_of_powers_whatever_the_gain() -> None:
    clips = tones()
    noise = np.random.default_rng(0).normal(size=clips.shape)
    noise -= (noise * clips).sum(axis=1, keepdims=True) / np.square(clips).sum(axis=1, keepdims=True) * clips
    noise *= np.sqrt(np.square(clips).sum(axis=1, keepdims=True) / np.square(noise).sum(axis=1, keepdims=True))
    assert si_sdr(clips + 0.1 * noise, clips) == pytest.approx(20)
    assert si_sdr(0.3 * (clips + 0.1 * noise), clips) == pytest.approx(20)


def test_si_sdr_of_exact_silent_and_inverted_clips_is_a_number() -> None:
    clips = tones(3)
    assert si_sdr(clips, clips).tolist() == [100] * 3
    assert si_sdr(0 * clips, clips).tolist() == [-100] * 3
    assert si_sdr(clips, 0 * clips).tolist() == [-100] * 3
    assert si_sdr(0 * clips, 0 * clips).tolist() == [100] * 3
    assert si_sdr(-clips, clips).tolist() == [100] * 3  # the scale may be negative


def test_envelopes_correlate_through_gain_and_polarity_and_not_when_reversed() -> None:
    clips = tones()
    assert envelope_correlation(-0.2 * clips, clips, RATE) == pytest.approx(1)
    assert (envelope_correlation(clips[:, ::-1], clips, RATE) < 0).all()
    assert envelope_correlation(np.ones_like(clips), clips, RATE).tolist() == [0] * 4
    assert envelope_correlation(0 * clips, 0 * clips, RATE).tolist() == [1] * 4
    assert np.isfinite(envelope_correlation(clips[:, :3], clips[:, :3], RATE)).all()


def test_the_log_spectral_distance_of_a_gain_is_that_gain_and_grows_with_what_is_lost() -> None:
    noise = np.random.default_rng(1).normal(size=(3, RATE))
    assert log_spectral_distance(0.5 * noise, noise) == pytest.approx(20 * np.log10(2), rel=0.02)
    assert log_spectral_distance(noise, noise).tolist() == [0] * 3
    dull = [lfilter([1 - a], [1, -a], noise) for a in (0.2, 0.5, 0.9)]
    means = [log_spectral_distance(each, noise).mean() for each in dull]
    assert means == sorted(means)
