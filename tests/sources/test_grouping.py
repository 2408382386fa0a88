from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.sources.grouping import Groups, kit_instruments, memberships, stem
from flowshot.sources.inputs import InputFile

KIT = """<?xml version="1.0" encoding="UTF-8"?>
<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><name>Kit</name><instrumentList>
<instrument><id>0</id><name>Kick</name>
  <layer><filename>boom.wav</filename><min>0</min></layer><layer><filename>thud.wav</filename></layer></instrument>
<instrument><id>1</id><name>Snare</name><filename>crack.wav</filename></instrument>
<instrument><id>2</id><name>Snare</name><instrumentComponent><layer><filename>rim.wav</filename></layer>
</instrumentComponent></instrument>
</instrumentList></drumkit_info>"""


def files(tmp_path, *sources):
    return [InputFile(source, tmp_path / source, 1, 0) for source in sources]


def groups_of(source, listed, **patterns):
    groups = Groups()
    members = memberships(source, listed, **patterns)
    for member in members:
        groups.join(member.keys)
    found = {}
    for file, member in zip(listed, members, strict=True):
        found.setdefault(groups[member.keys[0]], set()).add(file.source)
    return sorted(map(sorted, found.values()))


def test_instruments_of_a_kit_hold_their_layers_in_every_version_of_the_format():
    assert [(name.partition("\0")[0], names) for name, names in kit_instruments(KIT).items()] == [
        ("Kick", ["boom.wav", "thud.wav"]),
        ("Snare", ["crack.wav"]),
        ("Snare", ["rim.wav"]),
    ]


def test_layers_of_a_kit_share_a_group_and_a_label(tmp_path):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit/drumkit.xml").write_text(KIT)
    names = ["boom.wav", "thud.wav", "crack.wav", "rim.wav", "drumkit.xml"]
    listed = [InputFile(f"kit/{name}", tmp_path / "kit" / name, len(KIT), 0) for name in names]
    config = "folder"
    found = groups_of(config, listed)
    assert ["kit/boom.wav", "kit/thud.wav"] in found and ["kit/crack.wav"] in found and ["kit/rim.wav"] in found
    assert [member.label for member in memberships(config, listed)][:4] == ["kick", "kick", "snare", "snare"]


ENTITIES = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
HOSTILE = [
    f'<!DOCTYPE kit [<!ENTITY e0 "laugh">{ENTITIES}]><drumkit_info>&e11;</drumkit_info>',  # 10^11 laughs
    '<!DOCTYPE kit [<!ENTITY e SYSTEM "file:///etc/passwd">]><drumkit_info>&e;</drumkit_info>',
    "<a>" * 100_000,
]


@pytest.mark.parametrize("content", ["", "<drumkit", "\xff", "<a>" * 10, *HOSTILE], ids=range(7))
def test_a_damaged_or_hostile_kit_is_passed_over(tmp_path, content):
    path = tmp_path / "drumkit.xml"
    path.write_text(content, encoding="latin-1")
    listed = [InputFile("drumkit.xml", path, len(content), 0), *files(tmp_path, "a.wav")]
    assert len(groups_of("folder", listed)) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Snare-Hard.wav", "snare"), ("Snare-Hardest.wav", "snare"), ("snare_soft.wav", "snare"),
        ("kick_v1.wav", "kick"), ("kick_v127.wav", "kick"), ("kick vel 64.flac", "kick"), ("Tom_rr2.wav", "tom"),
        ("hat_mf.wav", "hat"), ("hat (soft).wav", "hat"), ("RideMed.wav", "ride"), ("kick_0001.wav", "kick_0001"),
        ("01.wav", "01"), ("soft.wav", "soft"), ("clap.wav", "clap"), ("tom_f_2.wav", "tom_f_2"),
    ],
)  # fmt: skip
def test_velocities_are_taken_off_names(name, expected):
    assert stem(name, takes=False) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("BD1075.WAV", "bd"), ("tabla_ghe3.flac", "tabla_ghe"), ("beats_06-38.flac", "beats_06"), ("01.wav", "01")],
)
def test_a_last_number_counts_takes_where_it_is_known_to(name, expected):
    assert stem(name, takes=True) == expected


@given(name=st.text(max_size=12), takes=st.booleans())
def test_a_stem_is_never_empty_unless_the_name_is(name, takes):
    assert stem(f"x{name}", takes) != ""


def test_velocities_share_a_group_within_a_folder_only_and_numbers_do_not(tmp_path):
    listed = files(tmp_path, "a/kick_soft.wav", "a/kick_hard.wav", "b/kick_soft.wav", "a/hit_1.wav", "a/hit_2.wav")
    assert groups_of("folder", listed) == [
        ["a/hit_1.wav"], ["a/hit_2.wav"], ["a/kick_hard.wav", "a/kick_soft.wav"], ["b/kick_soft.wav"]
    ]  # fmt: skip


def test_clips_of_the_synthesizer_stand_alone(tmp_path):
    listed = files(tmp_path, "kick/kick_0001.flac", "kick/kick_0002.flac")
    assert len(groups_of("synth", listed)) == 2
    assert [member.label for member in memberships("synth", listed)] == ["kick", "kick"]


def test_the_user_names_groups_by_a_pattern(tmp_path):
    listed = files(tmp_path, "session_1/a.wav", "session_1/b.wav", "session_2/a.wav", "loose.wav")
    assert groups_of("folder", listed, group=r"session_\d+") == [
        ["loose.wav"], ["session_1/a.wav", "session_1/b.wav"], ["session_2/a.wav"]
    ]  # fmt: skip


def test_one_track_is_one_group_whatever_its_number(tmp_path):
    listed = files(tmp_path, "ufoai-music/music/van_mission2.ogg", "ufoai-music/music/van_mission3.ogg")
    assert len(groups_of("tracks", listed)) == 2


def test_takes_repeated_in_several_folders_of_one_package_share_a_group(tmp_path):
    listed = files(tmp_path, "megaglest-data/a/sounds/guard_attack1.wav", "megaglest-data/b/sounds/guard_attack2.wav")
    assert len(groups_of("fx", listed)) == 1


@pytest.mark.parametrize(
    ("source", "path", "excluded"),
    [
        ("samples", "supersonic-scsynth-samples/loop_amen.flac", True),
        ("samples", "supersonic-scsynth-samples/tbd_fxbed_loop.flac", True),
        ("samples", "supersonic-scsynth-samples/bd_808.flac", False),
        ("samples", "lmms-common/waveforms/saw1.flac", True),
        ("samples", "fluid-soundfont-gm/FluidR3_GM/Saw/Saw/1412 saw-440(L).flac", True),
        ("samples", "fluid-soundfont-gm/FluidR3_GM/Sawing/drums/1412 Sawing.flac", False),
        ("samples", "musescore-general-soundfont-lossless/M/0 Square/0 Square/0147 square-1.flac", True),
        ("samples", "musescore-general-soundfont-lossless/M/58_93_ROLL1/drums/0974 58_93_ROLL1.flac", True),
        ("samples", "musescore-general-soundfont-lossless/M/Flute/Flute 0/0403 Flute G4.flac", False),
        ("samples", "lmms-common/drums/kick01.ogg", False),
        ("fx", "megaglest-data/a/sounds/archer_ack1.wav", True),
        ("fx", "megaglest-data/a/sounds/archer_attack1.wav", False),
        ("fx", "megaglest-data/a/sounds/archer_select1.wav", True),
        ("fx", "megaglest-data/attack_pack/select/sounds/thud.wav", False),
        ("fx", "megaglest-data/factions/egypt/music/theme.ogg", True),
    ],
)
def test_what_is_no_clip_of_its_set_is_excluded(source, path, excluded):
    (member,) = memberships(source, [InputFile(path, Path(path), 1, 0)])
    assert member.excluded == excluded


def test_the_user_excludes_by_a_pattern(tmp_path):
    listed = files(tmp_path, "loops/a.wav", "shots/a.wav")
    assert [member.excluded for member in memberships("folder", listed, exclude="^loops/")] == [True, False]


@given(joins=st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=4), max_size=20))
def test_groups_are_the_connected_parts(joins):
    groups = Groups(range(21))
    parts = {item: {item} for item in range(21)}
    for items in joins:
        groups.join(items)
        merged = set().union(*(parts[item] for item in items))
        for item in merged:
            parts[item] = merged
    for one in range(21):
        assert {other for other in range(21) if groups[other] == groups[one]} == parts[one]


def test_recordings_of_a_soundfonts_instrument_share_a_group(tmp_path):
    folder = "fluid-soundfont-gm/FluidR3_GM"
    names = ["Flute/Flute/0001 C4.flac", "Flute/Flute Solo/0007 C4.flac", "Oboe/Oboe/0002 C4.flac"]
    found = groups_of("samples", files(tmp_path, *(f"{folder}/{name}" for name in names)))
    assert [len(group) for group in found] == [2, 1]
    labels = memberships("samples", files(tmp_path, *(f"{folder}/{name}" for name in names)))
    assert [member.label for member in labels] == ["Flute", "Flute Solo", "Oboe"]
