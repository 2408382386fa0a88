import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flowshot.preparation import cutting as clips
from flowshot.preparation.cutting import amplitude, fade_out, finish, read_clips, windows
from flowshot.sources import decode
from flowshot.sources.decode import UnusableAudio
from sound_folders import dataset

RATE = 8000


def config(**changes):
    return dataset(**{"sample_rate": RATE, "clip_seconds": 0.5, **changes})


def noise(seconds, seed=0, level=0.5):
    return np.random.default_rng(seed).uniform(-level, level, round(seconds * RATE)).astype(np.float32)


def write(path, audio, rate=RATE):
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


def clips_of(path, **changes):
    clips = []
    facts, silent = read_clips(path, config(**changes), clips.append)
    return clips, facts, silent


def reason(path, **changes):
    with pytest.raises(UnusableAudio) as caught:
        clips_of(path, **changes)
    return caught.value.reason


def test_a_clip_begins_at_the_first_sound(tmp_path):
    path = write(tmp_path / "late.wav", np.concatenate([np.zeros(RATE), noise(0.2)]))
    (clip,), facts, _ = clips_of(path)
    assert clip.start == pytest.approx(1.0, abs=0.002)
    assert clip.seconds == pytest.approx(0.2, abs=0.002)
    assert facts.seconds == pytest.approx(1.2)
    assert np.abs(clip.samples[:16]).max() > 0.1
    assert not clip.samples[round(0.21 * RATE) :].any()


def test_a_late_sound_is_found_in_a_file_of_many_blocks(tmp_path, monkeypatch):
    path = write(tmp_path / "late.wav", np.concatenate([np.zeros(RATE), noise(0.8)]))
    at_once = clips_of(path)[0][0]
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 777)
    by_blocks = clips_of(path)[0][0]
    assert by_blocks.start == at_once.start
    np.testing.assert_array_equal(by_blocks.samples, at_once.samples)


def test_a_noise_floor_before_the_sound_is_trimmed_and_an_offset_is_no_sound(tmp_path):
    floor = noise(0.4, level=0.001)
    path = write(tmp_path / "floor.wav", np.concatenate([floor, noise(0.2)]) + np.float32(0.2))
    (clip,), _, _ = clips_of(path)
    assert clip.start == pytest.approx(0.4, abs=0.002)


def test_a_long_file_is_cut_with_a_fade_and_a_short_one_is_not_faded(tmp_path):
    ones = np.ones(RATE, dtype=np.float32) * np.where(np.arange(RATE) % 2, 1, -1).astype(np.float32)
    (long,), _, _ = clips_of(write(tmp_path / "long.wav", ones))
    (short,), _, _ = clips_of(write(tmp_path / "short.wav", ones[: RATE // 4]))
    fade = round(0.005 * RATE)
    assert abs(long.samples[-1]) < 1e-6
    assert np.abs(long.samples[-2 * fade : -fade]).min() == pytest.approx(amplitude(-1), abs=1e-5)
    assert np.abs(short.samples[: RATE // 4]).min() == pytest.approx(amplitude(-1), abs=1e-5)


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_windows_are_one_every_hop(tmp_path, rate):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, round(3.2 * rate)).astype(np.float32)
    clips, facts, _ = clips_of(write(tmp_path / "track.wav", audio, rate), cut="windows", hop_seconds=0.8)
    assert [clip.start for clip in clips] == pytest.approx([0.0, 0.8, 1.6, 2.4])
    assert facts.seconds == pytest.approx(3.2)


def test_windows_do_not_depend_on_the_blocks(tmp_path, monkeypatch):
    path = write(tmp_path / "track.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 30000), 11025)
    at_once = clips_of(path, cut="windows", hop_seconds=0.3)[0]
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 1000)
    by_blocks = clips_of(path, cut="windows", hop_seconds=0.3)[0]
    assert len(at_once) == len(by_blocks) > 5
    for one, other in zip(at_once, by_blocks, strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-6)


def test_silent_windows_are_counted_and_left_out(tmp_path):
    audio = np.concatenate([noise(0.5), np.zeros(RATE // 2), noise(0.5, 1)])
    clips, _, silent = clips_of(write(tmp_path / "gap.wav", audio), cut="windows", hop_seconds=0.5)
    assert ([clip.start for clip in clips], silent) == ([0.0, 1.0], 1)


@pytest.mark.parametrize("cut", ["file", "windows"])
def test_reasons_for_which_a_file_gives_no_clip(tmp_path, cut):
    assert reason(write(tmp_path / "zeros.wav", np.zeros(RATE)), cut=cut) == "silent"
    assert reason(write(tmp_path / "offset.wav", np.full(RATE, 0.7)), cut=cut) == "silent"
    assert reason(write(tmp_path / "faint.wav", noise(1.0, level=0.0005)), cut=cut) == "silent"
    assert reason(write(tmp_path / "one.wav", np.ones(1)), cut=cut) == "too_short"
    assert reason(write(tmp_path / "short.wav", noise(0.01)), cut=cut) == "too_short"


def test_a_click_at_the_end_of_a_file_is_too_short(tmp_path):
    audio = np.zeros(RATE, dtype=np.float32)
    audio[-1] = 1
    assert reason(write(tmp_path / "click.wav", audio)) == "too_short"


def test_the_peak_of_a_clip_is_set_or_left(tmp_path):
    path = write(tmp_path / "quiet.wav", noise(1.0, level=0.05))
    peak = clips_of(path, level="peak", level_db=-6.0)[0][0].samples
    left = clips_of(path, level="none")[0][0].samples
    assert np.abs(peak).max() == pytest.approx(amplitude(-6))
    assert np.abs(left).max() == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("level", ["none", "peak"])
@pytest.mark.parametrize("scale", [4.0, 1e30, 3e38])
def test_samples_beyond_full_scale_are_scaled_down_and_not_clipped(tmp_path, level, scale):
    path = write(tmp_path / "loud.wav", noise(0.4, level=1.0) * np.float32(scale))
    samples = clips_of(path, level=level, level_db=0.0)[0][0].samples
    assert samples.dtype == np.float32
    assert 0.2 < np.abs(samples).max() <= 1
    assert np.sum(np.abs(samples) > 0.999) < 10


def test_the_faintest_numbers_come_to_their_level_too():
    """Where silence is set so low, the gain is more than float32 can hold."""
    faint = finish(noise(0.5, level=1e-39), config(silence_db=-900.0, level="peak"), cut_off=False)
    plain = finish(noise(0.5), config(level="peak"), cut_off=False)
    np.testing.assert_allclose(faint, plain, atol=1e-4)


def test_what_overflows_in_the_resampler_is_not_finite(tmp_path):
    audio = np.float32(3.3e38) * np.sign(noise(0.2))
    assert reason(write(tmp_path / "over.wav", audio, 44100)) == "not_finite"
    assert reason(write(tmp_path / "over.wav", np.tile(audio, 20), 44100), cut="windows") == "not_finite"


def test_a_file_that_decodes_to_something_else_the_second_time_is_unreadable(tmp_path, monkeypatch):
    path = write(tmp_path / "changing.wav", noise(0.5))
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 1000)
    whole = clips.measure(path)
    monkeypatch.setattr(clips, "measure", lambda _: whole)
    write(path, np.full(RATE, whole.first))
    assert reason(path) == "unreadable"


def test_a_short_clip_is_followed_by_zeros():
    short = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    padded = finish(short, config(clip_seconds=8 / RATE, fade_seconds=0.0, level="none"), cut_off=False)
    np.testing.assert_array_equal(padded, np.float32([0.1, 0.2, 0.3, 0, 0, 0, 0, 0]))


def test_a_fade_longer_than_the_audio_fades_all_of_it():
    faded = fade_out(np.ones(4, dtype=np.float32), 100)
    assert faded[0] < 1 and abs(faded[-1]) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    cut=arrays(np.float32, st.integers(1, 400), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    level=st.sampled_from(["none", "peak"]),
    cut_off=st.booleans(),
)
def test_a_finished_clip_is_whole_finite_and_within_full_scale(cut, level, cut_off):
    settings_of_clips = config(clip_seconds=400 / RATE, level=level)
    clip = finish(cut, settings_of_clips, cut_off)
    if clip is not None:
        assert clip.shape == (400,) and clip.dtype == np.float32
        assert np.isfinite(clip).all() and np.abs(clip).max() <= 1
        assert clip.any()


@settings(max_examples=60, deadline=None)
@given(total=st.integers(0, 200), length=st.integers(1, 40), hop=st.integers(1, 60), cuts=st.lists(st.integers(0, 200)))
def test_windows_of_a_stream_are_those_of_the_whole(total, length, hop, cuts):
    audio = np.arange(total, dtype=np.float32)
    found = list(windows(np.split(audio, sorted(cuts)), length, hop))
    starts = list(range(0, total - length + 1, hop))
    assert [start for start, _ in found] == starts
    for start, window in found:
        np.testing.assert_array_equal(window, audio[start : start + length])


@pytest.mark.parametrize("cut", ["file", "windows"])
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch, cut):
    path = write(tmp_path / "long.wav", noise(400.0), 44100)
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 1 << 14)
    tracemalloc.start()
    try:
        read_clips(path, config(cut=cut), lambda clip: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 12_000_000 and peak < 2_000_000
