"""Sounds come out of containers sample by sample, and damaged containers are one line."""

import gzip
import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.sources.containers import catalogue_sounds, group_sounds, patch_sounds, wad_sounds, write_sounds

TONE = np.random.default_rng(0).integers(-20000, 20000, 2000).astype("<i2")


def heard(content):
    audio, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    return audio, rate


def wave():
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE, 8000, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def patch(*samples):
    """A GUS patch of (bytes, mode, loop) with 8000 Hz."""
    content = bytearray(239)
    content[:8], content[198] = b"GF1PATCH", len(samples)
    for audio, mode, (first, behind) in samples:
        header = struct.pack("<8x3IH33xB40x", len(audio), first, behind, 8000, mode)
        content += header + audio
    return bytes(content)


def wad(*lumps):
    body, table = b"", b""
    for name, content in lumps:
        table += struct.pack("<II8s", 12 + len(body), len(content), name)
        body += content
    return struct.pack("<4sII", b"IWAD", len(lumps), 12 + len(body)) + body + table


def catalogue(*sounds):
    table, body = b"", b""
    for name, content in sounds:
        table += struct.pack("<II", 8 * len(sounds) + len(body), len(content))
        body += bytes([len(name)]) + name + content
    return table + body


def group(*entries, packed=False):
    header = bytearray(204)
    header[:24] = b"RedWolf Design GrpFolder"
    struct.pack_into("<i", header, 36, len(entries))
    for index in range(0, 202, 3):
        header[index], header[index + 2] = header[index + 2], header[index]
    content = bytes(byte ^ 237 for byte in header)
    body = b""
    for name, inner, child in entries:
        content += struct.pack("<260s6i32x", name, 1, child, len(inner), 0, len(body), 0)
        body += inner
    return b"\x1e\x8c" + gzip.compress(content + body)[2:] if packed else content + body


def test_samples_of_a_patch_have_8_or_16_bits_and_may_be_unsigned():
    narrow = (TONE >> 8).astype("i1")
    unsigned = (TONE.astype(np.int32) + 32768).astype("<u2")
    content = patch(
        (TONE.tobytes(), 1, (0, 0)), (narrow.tobytes(), 0, (0, 0)), (unsigned.tobytes(), 3, (0, 0)),
        (TONE[:400].tobytes(), 5, (0, 800)),
    )  # fmt: skip
    found = dict(patch_sounds(content))
    assert list(found) == ["00.flac", "01.flac", "02.flac"]  # the fourth is a short loop: a wave, no sound
    for name, expected in zip(found, (TONE, narrow.astype(np.int16) << 8, TONE), strict=True):
        audio, rate = heard(found[name])
        assert rate == 8000
        np.testing.assert_array_equal(audio, expected)


def test_a_looped_sample_of_a_patch_is_held_and_released():
    ((_, content),) = patch_sounds(patch((TONE.tobytes(), 5, (400, 3600))))
    assert len(heard(content)[0]) == 8000


def test_a_wad_gives_its_sound_lumps_alone():
    eight = (TONE[:300] >> 8).astype(np.int16)
    lump = struct.pack("<HHI", 3, 11025, 332) + bytes(16) + (eight + 128).astype("u1").tobytes() + bytes(16)
    found = dict(wad_sounds(wad((b"DSPISTOL", lump), (b"D_RUNNIN", lump), (b"DSEMPTY", b""))))
    assert list(found) == ["DSPISTOL.flac"]
    audio, rate = heard(found["DSPISTOL.flac"])
    assert rate == 11025
    np.testing.assert_array_equal(audio, eight << 8)


def test_a_catalogue_of_openttd_gives_wavs_by_their_titles():
    found = dict(catalogue_sounds(catalogue((b'"Horn". By A. License: CC0.', wave()), (b"Splat", wave()))))
    assert list(found) == ["000 Horn.wav", "001 Splat.wav"]
    assert all(content == wave() for content in found.values())


@pytest.mark.parametrize("packed", [False, True])
def test_groups_within_groups_give_their_sounds(packed):
    inner = group((b"Hit.wav", wave(), 0), (b"Script.c", b"text", 0))
    found = dict(group_sounds(group((b"Fire.ocg", inner, 1), (b"Boom.ogg", wave(), 0), packed=packed)))
    assert found == {"Fire.ocg/Hit.wav": wave(), "Boom.ogg": wave()}


READERS = {
    patch_sounds: patch((TONE.tobytes(), 1, (0, 0))),
    wad_sounds: wad((b"DSPISTOL", struct.pack("<HHI", 3, 11025, 332) + bytes(332))),
    catalogue_sounds: catalogue((b"Horn", wave())),
    group_sounds: group((b"../../Boom.ogg", wave(), 0)),
}


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_container_is_one_line(tmp_path, read):
    (tmp_path / "sounds.bin").write_bytes(b"\xff" * 300)
    with pytest.raises(FlowshotError, match=r"sounds\.bin: no readable bin archive") as caught:
        write_sounds(read, tmp_path / "sounds.bin", tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_nothing_is_written_outside_of_the_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/evil.ocg").write_bytes(READERS[group_sounds])
    write_sounds(group_sounds, tmp_path / "deep/evil.ocg", tmp_path / "deep/out")
    (written,) = tmp_path.rglob("*.ogg")
    assert written.is_relative_to(tmp_path / "deep/out")


@settings(max_examples=100, deadline=None)
@given(data=st.data(), read=st.sampled_from(list(READERS)))
def test_a_damaged_container_is_read_or_refused_in_one_line(tmp_path_factory, data, read):
    content = bytearray(READERS[read])
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "sounds.bin").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        write_sounds(read, folder / "sounds.bin", folder / "out")
    except FlowshotError as error:
        assert "\n" not in str(error)
