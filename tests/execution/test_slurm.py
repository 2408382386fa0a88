"""Stages as jobs of a real SLURM, on this one machine."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.execution.graph import StageGraph
from flowshot.execution.schedule import Schedule
from flowshot.execution.slurm import submit

ROOT = Path(__file__).parents[2]
NODE = ROOT / "scripts/slurm_node.sh"
STAGES = """
stages:
  prepare: { cmd: echo clips > prepared, outs: [prepared] }
  train:
    matrix: { seed: [0, 1] }
    cmd: cat prepared > model${item.seed}
    deps: [prepared]
    outs: ["model${item.seed}"]
  broken: { cmd: cat nothing > never, deps: [prepared], outs: [never] }
  after: { cmd: cat never > later, deps: [never], outs: [later] }
  report: { cmd: cat model0 model1 > report, deps: [model0, model1], outs: [report] }
"""
needs_slurm = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))),
    reason="needs Debian's slurm-wlm and munge, and root to start them",
)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A SLURM that runs while the test does."""
    folder = tmp_path / "slurm"
    # munge wants to reach its socket, and pytest's folders are closed to others.
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o755)
    started = subprocess.run(["bash", NODE, "start", folder], capture_output=True, text=True)
    try:
        assert started.returncode == 0, started.stderr
        monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        yield
    finally:
        subprocess.run(["bash", NODE, "stop", folder], check=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    return folder


@needs_slurm
def test_stages_run_as_jobs_that_wait_for_each_other(cluster, repository):
    pytest.importorskip("submitit")
    command = [sys.executable, "-m", "flowshot.cli.main", "run", "--engine", "slurm", "--sbatch", "cpus_per_task=1"]
    submitted = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert submitted.returncode == 0, submitted.stderr
    assert all(stage in submitted.stdout for stage in ("prepare", "train@0", "train@1", "broken", "after", "report"))
    deadline = time.monotonic() + 300
    while subprocess.run(["squeue", "--noheader"], capture_output=True, text=True).stdout.strip():
        assert time.monotonic() < deadline, subprocess.run(["squeue"], capture_output=True, text=True).stdout
        time.sleep(0.5)
    assert (repository / "report").read_text() == "clips\nclips\n"
    assert not (repository / "later").exists()
    left = subprocess.run([sys.executable, "-m", "dvc", "status", "--json"], capture_output=True, text=True)
    assert "report" not in left.stdout and "train" not in left.stdout
    assert "broken" in left.stdout


def test_without_slurm_it_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FlowshotError, match="sbatch not found"):
        submit(Schedule(StageGraph({"a": frozenset()}), {"a"}), {}, minutes=1)
