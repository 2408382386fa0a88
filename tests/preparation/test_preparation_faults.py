"""A source that changes underneath, a full disk, an output that may not be written: one line, and no half of a set."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder
from flowshot.preparation import preparation, survey
from flowshot.preparation.preparation import prepare
from flowshot.sources.fetch import fetch
from sound_folders import dataset, write_params

REPOSITORY = Path(__file__).parents[2]
NAMES = [f"sound {number}.wav" for number in range(10)]


@pytest.fixture
def fetched(tmp_path, write_audio, folder_config):
    """Ten sounds that are fetched, and an earlier result where they are to be prepared."""
    for number, name in enumerate(NAMES):
        write_audio(tmp_path / "sounds" / name, seed=number)
    config = folder_config()
    fetch("mine", config, tmp_path / "data/raw/mine")
    earlier = tmp_path / "data/prepared/mine"
    earlier.mkdir(parents=True)
    (earlier / "dataset.json").write_text("earlier")
    return config


def prepare_it(tmp_path, config, workers=1):
    prepare("mine", config, tmp_path / "data/raw/mine", tmp_path / "data/prepared/mine", workers)


def assert_untouched(tmp_path):
    """What was prepared earlier is there as it was, and nothing besides."""
    below = sorted(path.relative_to(tmp_path / "data").as_posix() for path in (tmp_path / "data/prepared").rglob("*"))
    assert below == ["prepared/mine", "prepared/mine/dataset.json"]
    assert (tmp_path / "data/prepared/mine/dataset.json").read_text() == "earlier"


def change(path, how):
    if how == "vanishes":
        path.unlink()
    elif how == "becomes a folder":
        path.unlink()
        path.mkdir()
    elif how == "is cut off":
        os.truncate(path, 100)
    else:
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


HOWS = ["vanishes", "becomes a folder", "is cut off", "is written anew"]


@pytest.mark.parametrize("how", HOWS)
def test_a_source_that_changes_before_it_is_read_is_one_line(tmp_path, fetched, monkeypatch, how):
    listed = preparation.memberships

    def meanwhile(*arguments):
        change(tmp_path / "sounds" / NAMES[3], how)
        return listed(*arguments)

    monkeypatch.setattr(preparation, "memberships", meanwhile)
    with pytest.raises(FlowshotError, match=r"sound 3\.wav: was removed or changed while it was prepared; fetch"):
        prepare_it(tmp_path, fetched)
    assert_untouched(tmp_path)


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("how", HOWS)
def test_a_source_that_changes_while_it_is_read_is_one_line(tmp_path, fetched, monkeypatch, how, when):
    read = survey.read_clips

    def meanwhile(path, *arguments):
        if when == "behind":
            found = read(path, *arguments)
        if path.name == NAMES[3]:
            change(path, how)
        return found if when == "behind" else read(path, *arguments)

    monkeypatch.setattr(survey, "read_clips", meanwhile)
    with pytest.raises(FlowshotError, match=r"sound 3\.wav: was removed or changed while it was prepared"):
        prepare_it(tmp_path, fetched)
    assert_untouched(tmp_path)


def test_sources_that_vanish_once_they_were_read_are_missed_by_nobody(tmp_path, fetched, monkeypatch):
    chosen = preparation.select

    def meanwhile(*arguments):
        for name in NAMES:
            (tmp_path / "sounds" / name).unlink(missing_ok=True)
        return chosen(*arguments)

    monkeypatch.setattr(preparation, "select", meanwhile)
    prepare_it(tmp_path, fetched)
    assert len(read_prepared(tmp_path / "data/prepared/mine").manifest) == len(NAMES)


def run_stage(tmp_path, stage, config, largest_file=None):
    """The stage as a script on one core, which may write files of so many bytes; exit status, standard error."""

    def limits():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    write_params(tmp_path / "params.yaml", config)
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "stages" / f"{stage}.py"), "mine"], cwd=tmp_path, preexec_fn=limits,
        env={"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return result.returncode, result.stderr


@pytest.mark.parametrize("largest_file", [0, 9_000, 70_000], ids=["first clip", "third clip", "array of all"])
def test_a_disk_that_fills_up_while_preparing_is_one_line(tmp_path, fetched, largest_file):
    """The system refuses what would make a file larger, as it refuses what would overfill a disk."""
    status, errors = run_stage(tmp_path, "prepare", fetched, largest_file)
    assert status == 1 and errors.count("\n") == 1
    assert errors.startswith("error: data/prepared/mine: cannot be written (File too large); free space")
    assert_untouched(tmp_path)


def test_the_same_stage_succeeds_with_room_enough(tmp_path, fetched):
    assert run_stage(tmp_path, "prepare", fetched, 300_000) == (0, "")
    assert len(read_prepared(tmp_path / "data/prepared/mine").manifest) == len(NAMES)


def test_a_disk_that_fills_up_while_fetching_is_one_line(tmp_path, fetched):
    before = (tmp_path / "data/raw/mine/index.json").read_bytes()
    for config in (fetched, dataset()):
        status, errors = run_stage(tmp_path, "fetch", config, 100)
        assert status == 1 and errors.count("error") == 1 and "Traceback" not in errors
        assert "error: data/raw/mine: cannot be written (File too large); free space" in errors
    assert (tmp_path / "data/raw/mine/index.json").read_bytes() == before
    assert [path.name for path in (tmp_path / "data/raw").iterdir()] == ["mine"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("step", ["_write_array", "write_table", "write_audit", "write_json"])
def test_whatever_is_written_last_nothing_is_there_without_it(tmp_path, fetched, monkeypatch, step, code):
    def fails(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(preparation, step, fails)
    with pytest.raises(FlowshotError, match=rf"prepared/mine: cannot be written \({os.strerror(code)}\)"):
        prepare_it(tmp_path, fetched)
    assert_untouched(tmp_path)


def test_an_output_that_may_not_be_written_is_one_line(tmp_path, fetched, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # what mkdir says to all but root

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(FlowshotError, match=r"prepared/mine: cannot be written \(Permission denied\)"):
        prepare_it(tmp_path, fetched)
    assert_untouched(tmp_path)


def test_an_output_that_cannot_take_its_place_leaves_the_earlier_one(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "earlier").touch()
    rename = Path.rename

    def refused(self, target):
        if target == folder and (self / "new").exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="Input/output error"), whole_folder(folder) as fresh:
        (fresh / "new").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in folder.iterdir()] == ["earlier"]
