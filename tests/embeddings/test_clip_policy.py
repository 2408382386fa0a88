import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.embeddings.base import BATCH_SAMPLES, ClipPolicy, checked_batches, resample
from flowshot.errors import FlowshotError


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


def test_batches_hold_every_clip_once_and_are_bounded() -> None:
    clips = np.broadcast_to(np.float32(0), (5, BATCH_SAMPLES // 2))
    batches = list(checked_batches(clips))
    assert [first for first, _ in batches] == [0, 2, 4]
    assert [len(batch) for _, batch in batches] == [2, 2, 1]
    assert [len(batch) for _, batch in checked_batches(clips, 3 * BATCH_SAMPLES)] == [1] * 5


def test_a_clip_with_nan_is_named() -> None:
    clips = np.zeros((5, BATCH_SAMPLES // 2), dtype=np.float32)
    clips[3, 17] = np.nan
    with pytest.raises(FlowshotError, match="clip 3 holds NaN"):
        list(checked_batches(clips))


@pytest.mark.parametrize("shape", [(0, 100), (5, 0), (100,)])
def test_no_clips_and_empty_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FlowshotError, match=r"\[n, samples\]"):
        list(checked_batches(np.zeros(shape)))


@pytest.mark.parametrize("rate", [8000, 44100, 44101, 48000])
def test_resampling_keeps_a_tone_whatever_the_rate(rate: int) -> None:
    def tone(at: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(at) / at).astype(np.float32)[None]

    found = resample(tone(rate), rate, 16000)
    assert found.shape == (1, 16000)
    assert found[0, 200:-200] == pytest.approx(tone(16000)[0, 200:-200], abs=0.01)
