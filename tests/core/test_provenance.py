"""What names a piece of work, so that nothing else goes on from it."""

import subprocess
import sys
from types import ModuleType

from flowshot.core.provenance import git_revision, work_digest


def test_work_is_named_by_its_parameters_its_data_and_its_code(tmp_path, monkeypatch):
    data, code = tmp_path / "manifest.csv", tmp_path / "part.py"
    data.write_text("clip\n0\n")
    code.write_text("STEPS = 1\n")
    module = ModuleType("flowshot.part")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, "flowshot.part", module)
    first = work_digest({"beta": 0.1}, data)
    assert work_digest({"beta": 0.1}, data) == first
    digests = {first, work_digest({"beta": 0.2}, data)}
    data.write_text("clip\n1\n")
    digests.add(work_digest({"beta": 0.1}, data))
    code.write_text("STEPS = 2\n")
    digests.add(work_digest({"beta": 0.1}, data))
    assert len(digests) == 4


def test_the_revision_tells_changed_code_and_not_another_plan(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    assert git_revision(tmp_path) == "unknown"
    for name in ("src/part.py", "stages/train.py", "dvc.yaml", "params.yaml", "docs/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("plan: quick\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "first"], check=True)
    revision = git_revision(tmp_path)
    assert len(revision) == 40
    for name in ("params.yaml", "docs/page.md"):
        (tmp_path / name).write_text("plan: thesis\n")
    assert git_revision(tmp_path) == revision
    for name in ("src/part.py", "stages/train.py", "dvc.yaml"):
        (tmp_path / name).write_text("changed\n")
        assert git_revision(tmp_path) == f"{revision}+changes"
        subprocess.run([*git, "checkout", "--quiet", name], check=True)
    (tmp_path / "src/new.py").touch()
    assert git_revision(tmp_path) == f"{revision}+changes"
