import numpy as np
import pytest
import soundfile

from flowshot.preparation.cutting import read_excerpt
from flowshot.sources.decode import UnusableAudio


def write(path, audio, rate=8000):
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


def test_the_beginning_is_kept_at_its_level_and_silence_before_the_sound_stays(tmp_path):
    audio = np.concatenate([np.zeros(300), np.full(700, 0.01)]).astype(np.float32)
    excerpt = read_excerpt(write(tmp_path / "a.wav", audio), 8000, 800)
    np.testing.assert_array_equal(excerpt.audio, audio[:800])
    assert excerpt.cut and not excerpt.padded


def test_a_short_file_is_followed_by_zeros(tmp_path):
    excerpt = read_excerpt(write(tmp_path / "a.wav", np.full(100, 0.5)), 8000, 800)
    np.testing.assert_array_equal(excerpt.audio, np.repeat(np.float32([0.5, 0]), [100, 700]))
    assert excerpt.padded and not excerpt.cut


def test_a_file_of_the_wanted_length_is_neither_cut_nor_padded(tmp_path):
    excerpt = read_excerpt(write(tmp_path / "a.wav", np.full(800, 0.5)), 8000, 800)
    assert not excerpt.padded and not excerpt.cut


def test_silence_is_no_fault(tmp_path):
    assert not read_excerpt(write(tmp_path / "a.wav", np.zeros(800)), 8000, 800).audio.any()


def test_another_rate_and_channels_give_the_same_tone(tmp_path):
    def tone(rate):
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)

    stereo = np.stack([tone(44100), tone(44100)], axis=1)
    excerpt = read_excerpt(write(tmp_path / "a.wav", stereo, 44100), 16000, 16000)
    np.testing.assert_allclose(excerpt.audio[500:-500], tone(16000)[500:-500], atol=1e-3)


def test_what_exceeds_full_scale_is_scaled_down_and_not_clipped(tmp_path):
    audio = np.linspace(-4, 4, 800, dtype=np.float32)
    excerpt = read_excerpt(write(tmp_path / "a.wav", audio), 8000, 800)
    np.testing.assert_allclose(excerpt.audio, audio / 4, atol=1e-6)


def test_a_file_that_cannot_be_decoded_says_why(tmp_path):
    write(tmp_path / "empty.wav", np.zeros(0))
    write(tmp_path / "nan.wav", np.array([0.0, np.nan]))
    (tmp_path / "text.wav").write_text("not audio")
    for name, reason in (("empty", "empty"), ("nan", "not_finite"), ("text", "unreadable")):
        with pytest.raises(UnusableAudio) as problem:
            read_excerpt(tmp_path / f"{name}.wav", 8000, 800)
        assert problem.value.reason == reason
