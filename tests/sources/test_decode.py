"""What the corpus of bad audio (tests/corpus) does not show of decoding."""

import ctypes
import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.sources import decode
from flowshot.sources.decode import UnusableAudio, measure, mono_blocks, quiet_decoders, resampled

FORMATS = [
    ("WAV", "PCM_16", "wav"),
    ("WAV", "FLOAT", "wav"),
    ("FLAC", "PCM_24", "flac"),
    ("OGG", "VORBIS", "ogg"),
    ("OGG", "OPUS", "opus"),
    ("MP3", "MPEG_LAYER_III", "mp3"),
    ("AIFF", "PCM_16", "aiff"),
]


def tone(seconds=0.5, rate=48000, frequency=440.0):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def decoded(path):
    return np.concatenate(list(mono_blocks(path)))


def reason(path):
    with pytest.raises(UnusableAudio) as caught, quiet_decoders():
        measure(path)
    return caught.value.reason


@pytest.mark.parametrize(("container", "subtype", "suffix"), FORMATS)
def test_every_format_is_decoded(tmp_path, container, subtype, suffix):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, np.stack([tone(), tone()], axis=1), 48000, format=container, subtype=subtype)
    audio = decoded(path)
    assert len(audio) == pytest.approx(24000, abs=2400)
    spectrum = np.abs(np.fft.rfft(audio[4000:20000]))
    assert spectrum.argmax() * 48000 / 16000 == pytest.approx(440, abs=3)


@pytest.mark.parametrize(("container", "subtype", "suffix"), FORMATS)
def test_a_file_is_recognised_by_its_content_whatever_its_name(tmp_path, container, subtype, suffix):
    path = tmp_path / "named.wav"
    with path.open("wb") as file:
        soundfile.write(file, tone(), 48000, format=container, subtype=subtype)
    assert measure(path).frames > 20000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("rates", [(48000, 48000, 48000), (48000, 24000)])
def test_all_streams_that_an_ogg_file_is_chained_of_are_decoded(tmp_path, monkeypatch, subtype, rates):
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 5000)
    content = io.BytesIO()
    for number, rate in enumerate(rates):
        part = io.BytesIO()
        soundfile.write(part, tone(0.5, rate, 440.0 * (number + 1)), rate, format="OGG", subtype=subtype)
        content.write(part.getvalue())
    (tmp_path / "chained.ogg").write_bytes(content.getvalue())
    if len(set(rates)) > 1:
        assert reason(tmp_path / "chained.ogg") == "unreadable"  # no one format
        return
    audio = decoded(tmp_path / "chained.ogg")
    assert len(audio) == 3 * 24000
    for number in range(3):
        spectrum = np.abs(np.fft.rfft(audio[24000 * number + 4000 :][:16000]))
        assert spectrum.argmax() * 3 == pytest.approx(440 * (number + 1), abs=3)


def test_channels_are_averaged(tmp_path):
    channels = np.stack([np.full(100, level, dtype=np.float32) for level in np.linspace(-0.4, 1.0, 8)], axis=1)
    soundfile.write(tmp_path / "eight.wav", channels, 192000, subtype="FLOAT")
    np.testing.assert_allclose(decoded(tmp_path / "eight.wav"), 0.3, atol=1e-6)


def test_a_file_of_many_blocks_is_the_same_as_at_once(tmp_path, monkeypatch):
    audio = np.random.default_rng(0).uniform(-1, 1, (5001, 3)).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", audio, 8000, subtype="FLOAT")
    at_once = measure(tmp_path / "noise.wav")
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 300)
    blocks = list(mono_blocks(tmp_path / "noise.wav"))
    assert max(map(len, blocks)) == 100
    np.testing.assert_allclose(np.concatenate(blocks), audio.mean(axis=1), atol=1e-6)
    by_blocks = measure(tmp_path / "noise.wav")
    assert (by_blocks.frames, by_blocks.peak, by_blocks.first) == (at_once.frames, at_once.peak, at_once.first)
    assert at_once.audio is not None and by_blocks.audio is None


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2.0), 48000, format="MP3")
    (tmp_path / "half.mp3").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with quiet_decoders():
        promised, found = soundfile.info(tmp_path / "half.mp3").frames, measure(tmp_path / "half.mp3").frames
    assert 20000 < found < 0.7 * promised


@pytest.mark.parametrize("missing", [0, 100, 128, 129, 5000])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_plain_samples_that_end_before_their_promised_end_are_unreadable(tmp_path, missing, endian):
    path = tmp_path / "cut.wav"
    soundfile.write(path, tone(), 48000, subtype="PCM_16", endian=endian)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - missing])
    if missing > 128:
        assert reason(path) == "unreadable"
    else:
        assert measure(path).frames == 24000 - missing // 2  # so much programs miscount without losing anything


def test_a_file_of_more_samples_than_a_day_of_mono_is_too_long(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.flac", np.zeros((5000, 2)), 48000)
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 1000)
    monkeypatch.setattr(decode, "MAXIMUM_SAMPLES", 10_000)
    assert measure(tmp_path / "long.flac").frames == 5000
    monkeypatch.setattr(decode, "MAXIMUM_SAMPLES", 9_999)
    assert reason(tmp_path / "long.flac") == "too_long"


def test_what_decoders_print_reaches_neither_output(tmp_path, capfd):
    """libsndfile prints to standard output on damaged SDS files, which would spoil JSON there."""
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(), 48000, format="SDS")
    damaged = bytearray(buffer.getvalue())
    damaged[21] = 0  # where its first block begins
    (tmp_path / "damaged.wav").write_bytes(damaged)

    def prints():
        for _ in mono_blocks(tmp_path / "damaged.wav"):
            pass
        ctypes.CDLL(None).fflush(None)
        return "".join(capfd.readouterr())

    assert "Error" in prints(), "this version of libsndfile prints nothing, and the test shows nothing"
    with quiet_decoders():
        assert prints() == ""
    print("heard")
    assert prints().startswith("heard")


def test_a_missing_file_is_unreadable(tmp_path):
    assert reason(tmp_path / "gone.wav") == "unreadable"


def test_channels_whose_mean_overflows_are_not_finite(tmp_path):
    audio = np.stack([tone(), tone()], axis=1)
    audio[7000] = 3.3e38
    soundfile.write(tmp_path / "bad.wav", audio, 48000, subtype="FLOAT")
    assert reason(tmp_path / "bad.wav") == "not_finite"


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 96000, 192000])
def test_resampling_keeps_a_tone_and_its_level(rate):
    audio = np.concatenate(list(resampled([tone(1.0, rate)], rate, 16000)))
    assert len(audio) == pytest.approx(16000, abs=2)
    np.testing.assert_allclose(audio[500:15500], tone(1.0, 16000)[500:15500], atol=1e-3)


def test_a_low_rate_is_resampled_in_pieces():
    audio = tone(20.0, 1000, 100.0)
    blocks = list(resampled([audio], 1000, 768_000))
    assert max(map(len, blocks)) <= 1.1 * decode.RESAMPLED_BLOCK
    assert sum(map(len, blocks)) == pytest.approx(20 * 768_000, abs=768)


def test_resampling_removes_what_the_new_rate_cannot_hold():
    audio = np.concatenate(list(resampled([tone(1.0, 48000, 12000.0)], 48000, 16000)))
    assert np.abs(audio[500:-500]).max() < 1e-4


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 7999), max_size=5), rates=st.tuples(*[st.sampled_from([8000, 16000, 44100])] * 2))
def test_resampling_does_not_depend_on_the_blocks(cuts, rates):
    audio = np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32)
    whole = np.concatenate(list(resampled([audio], *rates)))
    parts = np.concatenate(list(resampled(np.split(audio, sorted(set(cuts))), *rates)))
    np.testing.assert_allclose(parts, whole, atol=1e-6)
