import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import (
    BATCH_SAMPLES,
    ClipPolicy,
    UnusableClips,
    checked_batches,
    clip_policy,
    mean_over_windows,
    resample,
)


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 100), st.data())
def test_every_window_starts_inside_and_only_a_short_remainder_is_unheard(
    samples: int, window: int, shortest: int, data: st.DataObject
) -> None:
    shortest = min(shortest, window)
    policy = ClipPolicy(window, data.draw(st.integers(1, window)), shortest)
    clip = np.arange(1, samples + 1, dtype=np.float32)[None]
    windows = policy.cut(clip)
    assert windows.shape == (1, len(policy.starts(samples)), window)
    heard = set(windows.astype(int).ravel()) - {0}
    assert heard == set(range(1, max(heard) + 1))
    assert samples - max(heard) < shortest


def test_a_short_last_window_is_padded_with_zeros() -> None:
    windows = ClipPolicy(window=4, hop=4).cut(np.arange(1, 7, dtype=np.float32)[None])
    assert windows.tolist() == [[[1, 2, 3, 4], [5, 6, 0, 0]]]


def test_without_a_window_the_clip_is_heard_whole() -> None:
    clips = np.ones((2, 7), dtype=np.float32)
    assert ClipPolicy(window=0, hop=0).cut(clips).shape == (2, 1, 7)


def test_a_whole_clip_is_made_as_long_as_a_network_needs() -> None:
    policy = ClipPolicy(window=0, hop=0, least=5)
    assert policy.cut(np.float32([[1, 2]])).tolist() == [[[1, 2, 0, 0, 0]]]
    assert policy.cut(np.ones((2, 7), dtype=np.float32)).shape == (2, 1, 7)


@given(st.floats(1e-30, 1e30), st.floats(-60, 0))
def test_a_level_is_reached_whatever_it_was(gain: float, db: float) -> None:
    clip = np.random.default_rng(0).normal(size=(1, 500)) * np.linspace(1, 0, 500)
    found = ClipPolicy(0, 0, level="peak", level_db=db).levelled((gain * clip).astype(np.float32))[0]
    assert np.abs(found).max() == pytest.approx(10 ** (db / 20), rel=1e-5)


def test_levels_are_left_alone_by_default_and_silence_always() -> None:
    clips = np.float32([[0.1, -0.2], [0, 0]])
    assert ClipPolicy(0, 0).levelled(clips) is clips
    assert ClipPolicy(0, 0, level="peak").levelled(clips)[1].tolist() == [0, 0]


def test_the_section_of_params_becomes_the_policy_of_each_network() -> None:
    changes = {"window_seconds": 0.5, "hop": 0.5, "level": "peak", "level_db": -20}
    section = default(PolicyConfig, "score.policy", **changes)
    assert clip_policy(section, 16000, window=15600, shortest=1560) == ClipPolicy(15600, 7800, 1560, 1, "peak", -20)
    assert clip_policy(section, 48000).window == 24000 and clip_policy(section, 48000).hop == 12000
    assert clip_policy(default(PolicyConfig, "score.policy"), 48000) == ClipPolicy(0, 0)


@pytest.mark.parametrize("mistake", [{"hop": 0.0}, {"hop": 1.5}, {"window_seconds": 0.0}, {"level_db": 3.0}])
def test_a_policy_out_of_its_limits_is_refused(mistake: dict) -> None:
    with pytest.raises(FlowshotError, match=next(iter(mistake))):
        default(PolicyConfig, "score.policy", **mistake)


def test_batches_hold_every_clip_once_and_are_bounded() -> None:
    clips = np.broadcast_to(np.float32(0), (5, BATCH_SAMPLES // 2))
    assert [len(batch) for batch in checked_batches(clips, 0)] == [2, 2, 1]
    assert [len(batch) for batch in checked_batches(clips, 3 * BATCH_SAMPLES)] == [1] * 5


def test_every_clip_with_nan_is_named_before_anything_is_embedded() -> None:
    clips = np.zeros((5, BATCH_SAMPLES // 2), dtype=np.float32)
    clips[1, 3] = np.inf
    clips[3, 17] = np.nan
    with pytest.raises(UnusableClips, match=r"clip 1 holds NaN.*1 more") as caught:
        next(checked_batches(clips, 0))
    assert set(caught.value.reasons) == {1, 3}


def test_numbers_beyond_float32_are_refused_like_infinity() -> None:
    with pytest.raises(UnusableClips, match="clip 0 holds NaN or infinity"):
        list(checked_batches(np.array([[1e300, 0.0]]), 0))


@pytest.mark.parametrize("shape", [(0, 100), (5, 0), (100,), (2, 2, 5)])
def test_no_clips_and_empty_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FlowshotError, match=r"\[n, samples\]"):
        list(checked_batches(np.zeros(shape), 0))


def test_a_vector_is_the_mean_over_the_windows_of_its_clip() -> None:
    clips = np.float32([[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]])
    found = mean_over_windows(clips, 8000, 8000, ClipPolicy(2, 2), lambda windows: windows)
    assert found.tolist() == [[2, 3], [6, 7], [9, 9]]


def test_every_clip_whose_embedding_is_not_finite_is_named() -> None:
    clips = np.float32([[1], [2], [3]])
    with pytest.raises(UnusableClips, match="clip 1 has an embedding with NaN"):
        mean_over_windows(clips, 8000, 8000, ClipPolicy(0, 0), lambda windows: np.where(windows == 2, np.nan, windows))


@pytest.mark.parametrize("rate", [8000, 44100, 44101, 48000])
def test_resampling_keeps_a_tone_whatever_the_rate(rate: int) -> None:
    def tone(at: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(at) / at).astype(np.float32)[None]

    found = resample(tone(rate), rate, 16000)
    assert found.shape == (1, 16000)
    assert found[0, 200:-200] == pytest.approx(tone(16000)[0, 200:-200], abs=0.01)
