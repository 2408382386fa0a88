import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.sources.soundfont import read_soundfont
from soundfont_files import LEFT, MONO, RIGHT, keys, soundfont


def ramp(frames, first=0):
    return np.arange(first, first + frames)


@pytest.fixture
def read(tmp_path):
    def run(*arguments, **options):
        path = tmp_path / "font.sf2"
        path.write_bytes(soundfont(*arguments, **options))
        return read_soundfont(path)

    return run


def test_recordings_are_read_sample_by_sample_with_their_rate_and_loop(read):
    font = read(
        [{"audio": ramp(100), "name": "one", "loop": (20, 80)}, {"audio": ramp(50, 1000), "rate": 44100}],
        [("Piano", [[(53, 0)], [(53, 1)]])],
        [(0, [0])],
    )
    one, other = font.recordings.values()
    assert (one.name, one.rate, one.loop) == ("one", 8000, (20, 80))
    np.testing.assert_array_equal(one.audio, ramp(100))
    np.testing.assert_array_equal(other.audio, ramp(50, 1000))
    assert other.rate == 44100 and font.instruments == ["Piano"] and font.percussion == frozenset()


def test_a_zone_takes_what_it_does_not_say_from_the_instruments_first_zone(read):
    zones = [[keys(10, 20), (54, 1)], [(53, 0)], [keys(40, 40), (54, 0), (53, 1)]]
    font = read([{"audio": ramp(9)}, {"audio": ramp(9)}], [("Bass", [[(53, 0)]]), ("Organ", zones)], [(0, [0, 1])])
    assert [(zone.instrument, zone.recording, zone.keys, zone.looped) for zone in font.zones] == [
        (0, 0, range(128), False), (1, 0, range(10, 21), True), (1, 1, range(40, 41), False)
    ]  # fmt: skip


def test_instruments_of_bank_128_are_percussion(read):
    instruments = [("Piano", [[(53, 0)]]), ("Kit", [[(53, 0)]])]
    assert read([{"audio": ramp(9)}], instruments, [(0, [0]), (128, [1])]).percussion == {1}


@pytest.mark.parametrize("link", [True, False])
def test_channels_are_a_pair_by_their_link_or_by_standing_side_by_side(read, link):
    recordings = [
        {"audio": ramp(9), "type": MONO},
        {"audio": ramp(9), "type": LEFT, "link": 2 if link else 0},
        {"audio": ramp(9), "type": RIGHT, "link": 1 if link else 0},
        {"audio": ramp(9), "type": LEFT, "link": 4},
        {"audio": ramp(8), "type": RIGHT, "link": 3},
    ]
    assert read(recordings, [("Strings", [[(53, 1)]])], [(0, [0])]).right_of == {1: 2}


@pytest.mark.parametrize(
    "broken", [{"end": 10_000}, {"start": 5, "end": 5}, {"rate": 0}, {"rate": 999}, {"type": MONO | 0x8000}]
)  # fmt: skip
def test_a_recording_whose_header_makes_no_sense_is_passed_over(read, broken):
    font = read([{"audio": ramp(9), **broken}, {"audio": ramp(9)}], [("Piano", [[(53, 1)]])], [(0, [0])])
    assert list(font.recordings) == [1]


def test_a_loop_outside_its_recording_is_none(read):
    font = read([{"audio": ramp(9), "loop": (3, 10)}], [("Piano", [[(53, 0)]])], [(0, [0])])
    assert font.recordings[0].loop is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": b"WAVE"}, "its beginning is wrong"),
        ({"without": (b"shdr",)}, "shdr"),
        ({"without": (b"inst",)}, "inst"),
    ],
)
def test_what_is_no_soundfont_is_one_line(read, options, message):
    with pytest.raises(FlowshotError, match=f"no readable SoundFont .*{message}") as caught:
        read([{"audio": ramp(9)}], [("Piano", [[(53, 0)]])], [(0, [0])], **options)
    assert "\n" not in str(caught.value)


def test_a_compressed_soundfont_is_refused(read):
    with pytest.raises(FlowshotError, match="is a compressed SoundFont"):
        read([{"audio": ramp(9), "type": MONO | 0x10}], [("Piano", [[(53, 0)]])], [(0, [0])])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_soundfont_is_read_or_refused_in_one_line(tmp_path_factory, data):
    whole = soundfont([{"audio": ramp(40)}] * 2, [("Piano", [[keys(0, 9), (53, 0)], [(53, 1)]])], [(128, [0])])
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for position in data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=8)):
        if damaged:
            damaged[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.sf2"
    path.write_bytes(damaged)
    try:
        font = read_soundfont(path)
    except FlowshotError as error:
        assert "\n" not in str(error)
    else:
        assert all(zone.recording in font.recordings for zone in font.zones)
