import numpy as np
import pytest

from flowshot.scoring.metrics.spectral import magnitude_spectrogram, multi_scale_stft_distance


def noise(n: int = 3, samples: int = 4000) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=(n, samples)).astype(np.float32)


def test_identical_clips_are_at_distance_zero() -> None:
    assert multi_scale_stft_distance(noise(), noise()).tolist() == [0, 0, 0]


def test_distance_grows_with_the_error_and_belongs_to_its_pair() -> None:
    clips = noise()
    errors = [0.001, 0.01, 0.1]
    spoilt = clips + np.array(errors)[:, None] * np.random.default_rng(1).normal(size=clips.shape)
    distances = multi_scale_stft_distance(spoilt, clips)
    assert distances[0] < distances[1] < distances[2]
    assert multi_scale_stft_distance(spoilt[::-1], clips[::-1]) == pytest.approx(distances[::-1])


def test_a_clip_twice_as_loud_has_the_known_distance() -> None:
    # Convergence |2M - M| / |M| = 1, and log 2 in every bin, all of them above the floor.
    clips = noise(1, 8192)
    found = multi_scale_stft_distance(2 * clips, clips)
    assert found[0] == pytest.approx(1 + np.log(2), abs=0.01)


def test_a_full_scale_sine_has_magnitude_one() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[None]
    assert magnitude_spectrogram(sine, 512, 128)[0, 20:-20].max(axis=-1) == pytest.approx(1, abs=0.01)


def test_silence_and_clips_shorter_than_a_window_give_finite_distances() -> None:
    silent = np.zeros((2, 50), dtype=np.float32)
    assert multi_scale_stft_distance(silent, silent).tolist() == [0, 0]
    assert np.isfinite(multi_scale_stft_distance(noise(2, 50), silent)).all()
