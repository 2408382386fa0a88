import numpy as np
import pytest
import soundfile

from flowshot.sources.soundfont import HELD_SECONDS, RELEASE_SECONDS, write_one_shots
from soundfont_files import LEFT, RIGHT, keys, soundfont

RATE = 8000


def noise(seed, frames=2000):
    return np.random.default_rng(seed).integers(-20000, 20000, frames)


@pytest.fixture
def write(tmp_path):
    def run(recordings, instruments, presets):
        (tmp_path / "font.sf2").write_bytes(soundfont(recordings, instruments, presets))
        write_one_shots(tmp_path / "font.sf2", tmp_path / "out")
        paths = sorted((tmp_path / "out").rglob("*.flac"))
        return {path.relative_to(tmp_path / "out").as_posix(): soundfile.read(path, dtype="int16")[0] for path in paths}

    return run


def test_what_is_not_looped_is_written_as_it_is(write):
    audio = noise(0)
    found = write([{"audio": audio, "name": "C4"}], [("Piano", [[(53, 0)]])], [(0, [0])])
    assert list(found) == ["Piano/Piano/0000 C4.flac"]
    np.testing.assert_array_equal(found["Piano/Piano/0000 C4.flac"], audio)


@pytest.mark.parametrize("frames", [1000, 6000])
def test_a_looped_recording_is_repeated_until_it_was_held_and_then_dies_away(write, frames):
    audio, loop = noise(0, frames), (200, frames - 100)
    (found,) = write([{"audio": audio, "loop": loop}], [("Organ", [[(54, 1), (53, 0)]])], [(0, [0])]).values()
    held = max(loop[1], round(HELD_SECONDS * RATE))
    assert len(found) == held + round(RELEASE_SECONDS * RATE)
    np.testing.assert_array_equal(found[: loop[1]], audio[: loop[1]])
    if frames == 1000:
        np.testing.assert_array_equal(found[900:1600], audio[200:900])  # the loop, once more
    ends = np.abs(found[-200:]).max() / np.abs(found[:held]).max()
    assert 0.0009 < ends < 0.0016  # -60 dB at the end, 0.5 s / 0.025 s = a 20th of them earlier


def test_a_short_loop_is_a_wave_table_and_no_recording(write):
    assert write([{"audio": noise(0, 700), "loop": (0, 700)}], [("Saw", [[(54, 1), (53, 0)]])], [(0, [0])]) == {}


def test_a_drum_is_struck_and_not_held(write):
    audio = noise(0, 700)
    kit = [("Kit", [[keys(36, 36), (54, 1), (53, 0)]])]
    (found,) = write([{"audio": audio, "loop": (0, 700)}], kit, [(128, [0])]).values()
    np.testing.assert_array_equal(found, audio)


def test_a_pair_of_channels_is_one_file_in_stereo(write):
    left, right = noise(0), noise(1)
    recordings = [{"audio": left, "type": LEFT, "link": 1}, {"audio": right, "type": RIGHT, "link": 0}]
    (found,) = write(recordings, [("Strings", [[(53, 0)], [(53, 1)]])], [(0, [0])]).values()
    np.testing.assert_array_equal(found, np.stack([left, right], axis=1))


def test_an_instrument_is_one_family_and_so_are_instruments_that_share_a_recording(write):
    zones = [("Piano", [[(53, 0)], [(53, 1)]]), ("Flute", [[(53, 2)]]), ("Bright Piano", [[(53, 1)], [(53, 3)]])]
    found = write([{"audio": noise(seed)} for seed in range(4)], zones, [(0, [0, 1, 2])])
    assert sorted(name.rpartition("/")[0] for name in found) == [
        "Flute/Flute", "Piano/Bright Piano", "Piano/Piano", "Piano/Piano"
    ]  # fmt: skip


def test_in_a_drum_kit_the_layers_of_one_key_are_a_family(write):
    layers = [[keys(36, 36), (53, 0)], [keys(36, 36), (53, 1)], [keys(38, 38), (53, 2)]]
    names = ["kick", "kick hard", "snare"]
    recordings = [{"audio": noise(seed), "name": name} for seed, name in enumerate(names)]
    found = write(recordings, [("Kit", layers)], [(128, [0])])
    assert list(found) == ["kick/drums/0000 kick.flac", "kick/drums/0001 kick hard.flac", "snare/drums/0002 snare.flac"]


def test_families_of_one_name_stay_apart_and_names_are_safe(write):
    zones = [("../Pad", [[(53, 0)]]), ("../pad", [[(53, 1)]]), ("", [[(53, 2)]])]
    found = write([{"audio": noise(seed), "name": "a/b\\c:d."} for seed in range(3)], zones, [(0, [0, 1, 2])])
    assert list(found) == [
        "_Pad/_Pad/0000 a_b_c_d.flac", "_pad (2)/_pad/0001 a_b_c_d.flac", "unnamed/unnamed/0002 a_b_c_d.flac"
    ]  # fmt: skip


def test_recordings_that_no_instrument_plays_are_left_out(write):
    found = write([{"audio": noise(0)}, {"audio": noise(1)}], [("Piano", [[(53, 1)]])], [(0, [0])])
    assert list(found) == ["Piano/Piano/0001 sound 1.flac"]
