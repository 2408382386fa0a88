"""What people's folders bring: locked subfolders, companions of macOS, decomposed names, too few files."""

import contextlib
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import pytest
import tqdm  # noqa: F401 (imported late by the code; another user may not read this Python's modules)

from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import SplitConfig
from flowshot.preparation.preparation import audit_folder, check_folder
from flowshot.preparation.splits import files_needed
from flowshot.sources.inputs import list_files, user_folder
from sound_folders import FIFTHS, dataset

NOBODY = 65534  # a user who owns nothing
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "\u00dcbung") for form in ("NFC", "NFD"))
APPLE_DOUBLE = bytes.fromhex("00051607 00020000") + b"Mac OS X        " + bytes(60)


@contextlib.contextmanager
def as_another_user():
    """Within the block, permissions count: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def locked(write_audio):
    """A folder of 12 sounds, with a subfolder that nobody may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for number in range(12):
        write_audio(folder / f"{number}.wav", seed=number)
    write_audio(folder / "lost+found/secret.wav")
    (folder / "lost+found").chmod(0)
    yield folder
    (folder / "lost+found").chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize(("exclude", "reason"), [("", "unreadable_folder"), ("lost", "excluded")])
def test_a_subfolder_that_may_not_be_read_is_listed_and_the_rest_goes_on(locked, exclude, reason):
    config = dataset("folder", str(locked), exclude=exclude, split=FIFTHS)
    with as_another_user():
        rows = {row.source: row.reason for row in audit_folder(locked, config, workers=1)}
        check_folder("mine", config)
    assert rows == {"lost+found": reason} | {f"{number}.wav": "" for number in range(12)}


def test_a_folder_that_may_not_be_read_itself_is_one_line(locked):
    with as_another_user(), pytest.raises(FlowshotError, match=r"lost\+found: cannot be read"):
        list_files(locked / "lost+found")


def test_what_macos_leaves_beside_a_file_is_no_audio_but_a_sound_of_such_a_name_is(tmp_path, write_audio):
    write_audio(tmp_path / "kick.wav")
    write_audio(tmp_path / "._snare.wav", seed=1)
    (tmp_path / "._kick.wav").write_bytes(APPLE_DOUBLE)
    listed = list_files(tmp_path)
    assert {file.source: file.is_audio for file in listed} == {
        "._kick.wav": False, "._snare.wav": True, "kick.wav": True,
    }  # fmt: skip
    assert not any(file.changed() for file in listed)
    rows = {row.source: row.reason for row in audit_folder(tmp_path, dataset("folder", str(tmp_path)), workers=1)}
    assert rows == {"._kick.wav": "not_audio", "._snare.wav": "", "kick.wav": ""}


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("on_disk", [COMPOSED, DECOMPOSED])
def test_a_pattern_matches_however_accents_are_written(tmp_path, write_audio, prepare_folder, typed, on_disk):
    for number in range(12):
        write_audio(tmp_path / f"sounds/{on_disk} {number % 6}/{number}.wav", seed=number)
        write_audio(tmp_path / f"sounds/{on_disk}-out/{number}.wav", seed=100 + number)
    rows = prepare_folder(exclude=f"{typed}-out", group=rf"{typed} \d").manifest
    groups = {}
    for row in rows:
        groups.setdefault(row["source"].split("/")[0], set()).add((row["group"], row["split"]))
    assert len(groups) == 6 and all(len(found) == 1 for found in groups.values())


def test_a_pattern_that_matches_nothing_is_said_wherever_it_is_used(tmp_path, write_audio, prepare_folder, capsys):
    for number in range(10):
        write_audio(tmp_path / f"sounds/{number}.wav", seed=number)
    prepare_folder(exclude="lopps", group="9")
    expected = "warning: datasets.mine: exclude: 'lopps' matches none of the 10 paths"
    assert expected in (prepared := capsys.readouterr().err) and "group" not in prepared
    check_folder("mine", dataset("folder", str(tmp_path / "sounds"), exclude="lopps", split=FIFTHS))
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(("count", "enough"), [(3, False), (7, False), (8, True)])
def test_a_folder_too_small_to_be_scored_is_refused_at_once(tmp_path, write_audio, prepare_folder, count, enough):
    for number in range(count):
        write_audio(tmp_path / f"sounds/{number}.wav", seed=number)
    (tmp_path / "sounds/notes.txt").touch()
    config = dataset("folder", str(tmp_path / "sounds"), split=FIFTHS)
    if enough:
        check_folder("mine", config)
        prepare_folder()
        return
    with pytest.raises(FlowshotError, match=rf"holds {count} audio files, but with this `split` at least 8"):
        check_folder("mine", config)
    with pytest.raises(FlowshotError, match=r"scoring needs at least 2; add files \(with this `split` about 8"):
        prepare_folder()


def test_how_many_files_are_needed_follows_from_the_smaller_held_out_split():
    assert files_needed(SplitConfig(0.8, 0.1, 0.1)) == 16
    assert files_needed(SplitConfig(0.5, 0.3, 0.2)) == 8


def test_a_relative_path_starts_at_the_project_also_in_a_temporary_copy_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert user_folder(dataset("folder", "sounds")) == tmp_path / "sounds"
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert user_folder(dataset("folder", "sounds")) == tmp_path / "sounds"
    assert user_folder(dataset("folder", "/elsewhere/sounds")) == Path("/elsewhere/sounds")
