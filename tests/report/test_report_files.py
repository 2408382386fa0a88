"""What a report adds to the repository: few files, because sounds and pictures of clips are inside its page."""

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from page_project import build, make_plan, write_project

ROOT = Path(__file__).resolve().parents[2]
PLANS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["plans"]
FILES_A_PLAN, FILES, BYTES = 60, 400, 8_000_000


@pytest.mark.parametrize("name", ["breadth", "rave"])  # the most datasets, and the most arms
def test_no_plan_of_the_parameters_writes_more_than_sixty_files(name: str, tmp_path: Path) -> None:
    axes = {axis: tuple(PLANS[name][axis]) for axis in ("datasets", "autoencoders", "generators", "priors")}
    plan = replace(make_plan(), name=name, **axes)  # one seed: another one adds rows, not files
    write_project(tmp_path, plan, seconds=0.02)
    out = build(tmp_path, plan, tmp_path / "out")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) <= FILES_A_PLAN, sorted(path.name for path in files)
    assert not {path.suffix for path in files} & {".flac", ".opus", ".wav"}


def test_the_committed_reports_are_small() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "reports"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert 0 < len(files) <= FILES and sum(path.stat().st_size for path in files) <= BYTES
    plans = Counter(path.relative_to(ROOT / "reports").parts[0] for path in files)
    assert max(plans.values()) <= FILES_A_PLAN, plans
