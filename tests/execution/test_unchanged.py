"""Nothing to do is said only where DVC would say so too; DVC itself is asked in a small project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowshot.execution import unchanged

PARAMS = "size: 1\ndatasets: {mine: {path: sounds}}\n"
PIPELINE = """
stages:
  copy:
    cmd: mkdir -p out && cp data/a.txt out/a.txt && cp data/b.txt out/b.txt
    deps: [data]
    params: [size]
    outs: [out]
"""


def dvc(*arguments):
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True).returncode


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A DVC project of one stage, which has run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    for name in "ab":
        (folder / f"data/{name}.txt").write_text(name)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "sounds").mkdir()
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert dvc("init", "--no-scm", "--quiet") == 0 and dvc("repro") == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A copy of the project, in which the plan is remembered as up to date."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    paths = unchanged.watched_paths()
    unchanged.write_json(unchanged.RECORD, {"digest": unchanged.digest(paths), "paths": paths})
    return folder


def rewrite(path, text):
    """Other text of the same length, with the times of the former."""
    former = Path(path).stat()
    Path(path).write_text(text)
    os.utime(path, ns=(former.st_atime_ns, former.st_mtime_ns))


def first_of_cache():
    return next(path for path in sorted(Path(unchanged.CACHE).rglob("*")) if path.is_file())


CHANGES = {
    "a dependency is edited": lambda: Path("data/a.txt").write_text("other"),
    "a dependency is edited behind the clock's back": lambda: rewrite("data/a.txt", "x"),
    "a dependency is replaced": lambda: (Path("new").write_text("a"), Path("new").replace("data/a.txt")),
    "a dependency is new": lambda: Path("data/c.txt").write_text("c"),
    "a dependency is gone": lambda: Path("data/b.txt").unlink(),
    "an output is gone": lambda: shutil.rmtree("out"),
    "a part of an output is gone": lambda: Path("out/b.txt").unlink(),
    "an output is edited": lambda: Path("out/b.txt").write_text("other"),
    "a parameter is edited": lambda: Path("params.yaml").write_text(PARAMS.replace("1", "2")),
    "a sound is new in a folder that params.yaml names": lambda: Path("sounds/new.wav").touch(),
    "the pipeline is edited": lambda: Path("dvc.yaml").write_text(PIPELINE.replace("-p out", "-p  out")),
    "the lock file is gone": lambda: Path("dvc.lock").unlink(),
    "the settings of this machine are new": lambda: Path(".dvc/config.local").write_text("[core]\n"),
    "the cache is gone": lambda: shutil.rmtree(unchanged.CACHE),
    "a file of the cache is gone": lambda: first_of_cache().unlink(),
    "the record is gone": lambda: unchanged.RECORD.unlink(),
    "the record is damaged": lambda: unchanged.RECORD.write_text('{"digest"'),
    "the record is another thing": lambda: unchanged.RECORD.write_text("[1]"),
    "the record names no path": lambda: unchanged.RECORD.write_text('{"digest": "0", "paths": 3}'),
}


def test_what_is_remembered_is_found_again(project):
    Path("other").write_text("which nothing depends on")
    assert unchanged.is_unchanged()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_after_any_change_dvc_is_asked(project, change):
    change()
    assert not unchanged.is_unchanged()


def test_only_what_dvc_finds_up_to_date_is_remembered(project):
    Path("data/a.txt").write_text("other")
    unchanged.remember()
    assert not unchanged.RECORD.exists()
    assert dvc("repro") == 0
    unchanged.remember()
    assert unchanged.is_unchanged()


@pytest.mark.parametrize("text", ["x" * 300, "a/" + "x" * 5000, r"a\0b"], ids=["name", "path", "NUL"])
def test_a_text_that_cannot_be_a_path_counts_as_missing(project, text):
    unchanged.RECORD.unlink()
    Path("params.yaml").write_text(f'{PARAMS}remark: "{text}"\n')
    unchanged.remember()
    assert unchanged.is_unchanged()


def test_what_changes_while_dvc_looks_is_not_remembered(project, tmp_path, monkeypatch):
    unchanged.RECORD.unlink()
    script = tmp_path / "slow_dvc.py"
    script.write_text("import pathlib; pathlib.Path('data/a.txt').write_text('other')")
    monkeypatch.setattr(unchanged, "DVC", (sys.executable, str(script)))
    unchanged.remember()
    assert not unchanged.RECORD.exists()


def test_it_fails_only_where_something_changed(project):
    ask = [sys.executable, "-m", "flowshot.execution.unchanged"]
    result = subprocess.run(ask, capture_output=True, text=True)
    assert result.returncode == 0 and "Nothing changed" in result.stdout
    Path("params.yaml").write_text("size: 3\n")
    assert subprocess.run(ask, capture_output=True).returncode == 1


def test_without_a_lock_file_nothing_is_remembered(project):
    Path("dvc.lock").unlink()
    unchanged.remember()
    assert not unchanged.RECORD.exists()
