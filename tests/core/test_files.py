import json
import subprocess
import sys

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.core.files import scratch_folder, unwritable, whole_file, whole_folder, write_json


class Mishap(Exception):
    pass


def contents(folder):
    """Every file below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_appears_whole_with_parents(tmp_path):
    with whole_folder(tmp_path / "a" / "b") as fresh:
        (fresh / "one").write_text("1")
        (fresh / "sub").mkdir()
        (fresh / "sub" / "two").write_text("2")
        assert not (tmp_path / "a" / "b").exists()
    assert contents(tmp_path) == {"a/b/one": "1", "a/b/sub/two": "2"}
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o755


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for name in ("old", "new"):
        with whole_folder(tmp_path / "out") as fresh:
            assert list(fresh.iterdir()) == []
            (fresh / name).write_text(name)
    assert contents(tmp_path) == {"out/new": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("mishap", [Mishap, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [False, True])
def test_a_block_that_raises_leaves_what_was_there_and_nothing_else(tmp_path, mishap, existed):
    if existed:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "old").write_text("old")
        (tmp_path / "file.json").write_text("old")
    before = contents(tmp_path)
    with pytest.raises(mishap), whole_folder(tmp_path / "out") as fresh:
        (fresh / "half").write_text("half")
        raise mishap
    with pytest.raises(mishap), whole_file(tmp_path / "file.json") as fresh:
        fresh.write_text("half")
        raise mishap
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == (["file.json", "out"] if existed else [])


def test_a_file_appears_whole_with_parents_and_keeps_its_suffix(tmp_path):
    for text in ("old", "new"):
        with whole_file(tmp_path / "a" / "out.npy") as fresh:
            assert fresh.suffix == ".npy", "numpy would add it"
            fresh.write_text(text)
    assert contents(tmp_path) == {"a/out.npy": "new"}
    assert (tmp_path / "a" / "out.npy").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [1.0, float("-inf")]}, {"set": {1}}])
def test_json_that_others_could_not_read_is_refused_and_the_old_stays(tmp_path, value):
    write_json(tmp_path / "x.json", {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "x.json", value)
    assert json.loads((tmp_path / "x.json").read_text()) == {"old": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_json_comes_back(tmp_path):
    value = {"a": [1, 2.5, None, True], "name": "Ünïcode"}
    write_json(tmp_path / "x.json", value)
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == value


def test_a_scratch_folder_is_of_one_process_at_a_time_and_goes_when_all_went_well(tmp_path):
    folder = tmp_path / "work" / "abc"
    with scratch_folder(folder) as mine:
        mine.mkdir()
        with (
            pytest.raises(FlowshotError, match="another process is already running this stage"),
            scratch_folder(folder),
        ):
            pass
        assert mine.exists()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_scratch_folder_stays_for_the_next_try_where_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path / "abc") as mine:
        mine.mkdir()
        _ = 1 / 0
    with scratch_folder(tmp_path / "abc") as again:
        assert again.exists()


def test_work_that_nobody_can_resume_is_removed_with_a_word_unless_a_process_is_at_it(tmp_path, capsys):
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path / "old") as old:
        (old / "state").mkdir(parents=True)
        _ = 1 / 0
    with scratch_folder(tmp_path / "busy") as busy:
        assert not old.exists()
        assert capsys.readouterr().err.startswith(
            f"warning: {tmp_path}: starts again, because parameters, code or data"
        )
        busy.mkdir()
        with scratch_folder(tmp_path / "new"):
            assert busy.exists() and capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


WRITERS = {
    "folder": "with whole_folder(Path('out')) as fresh:\n    (fresh / 'half').touch()\n    wait()",
    "file": "with whole_file(Path('out.json')) as fresh:\n    fresh.write_text('half')\n    wait()",
    "folder that moves away": (
        "rename = Path.rename\n"
        "Path.rename = lambda self, target: rename(self, target) if self.name == 'out' else wait()\n"
        "with whole_folder(Path('out')) as fresh:\n    pass"
    ),
}


@pytest.fixture
def killed(tmp_path):
    """Starts a process that runs code until it waits; hands it out to be killed."""

    def start(code):
        program = (
            "import time\nfrom pathlib import Path\nfrom flowshot.core.files import whole_file, whole_folder\n"
            "def wait():\n    print(flush=True)\n    time.sleep(60)\n"
        )
        process = subprocess.Popen([sys.executable, "-c", program + code], cwd=tmp_path, stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    return start


def write_anew(folder):
    with whole_folder(folder / "out") as fresh:
        (fresh / "new").write_text("new")
    write_json(folder / "out.json", "new")


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_killed_process_left_goes_with_the_next_output(tmp_path, killed, writer):
    (tmp_path / "out").mkdir()
    (tmp_path / ".out.settings.json").write_text("somebody's own")
    process = killed(WRITERS[writer])
    process.kill()
    process.wait()
    assert any(path.name.startswith(".out.") for path in tmp_path.iterdir())
    with pytest.raises(Mishap), whole_file(tmp_path / "out.json") as fresh:
        assert not fresh.exists()  # a database would go on with it
        raise Mishap
    write_anew(tmp_path)
    assert contents(tmp_path) == {".out.settings.json": "somebody's own", "out/new": "new", "out.json": '"new"\n'}
    assert len(list(tmp_path.iterdir())) == 3


def test_an_output_moved_away_by_a_process_that_was_killed_is_there_again_where_the_next_one_fails(tmp_path, killed):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    process = killed(WRITERS["folder that moves away"])
    process.kill()
    process.wait()
    assert not (tmp_path / "out").exists()
    with pytest.raises(Mishap), whole_folder(tmp_path / "out"):
        raise Mishap
    assert contents(tmp_path) == {"out/old": "old"}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_block_that_misses_a_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "out"):
        (tmp_path / "missing").read_text()


@pytest.mark.parametrize("said", ["Not enough free space to write 93568000 bytes", "4000 requested and 512 written"])
def test_what_numpy_says_without_a_number_where_an_array_does_not_fit_means_that_the_disk_is_full(said):
    assert unwritable(OSError(said)) == "No space left on device"


def test_another_error_without_a_number_is_not_one_of_writing():
    assert unwritable(OSError("no such thing")) is None
