"""Projects in temporary folders, for what is measured of DVC and of whole stages."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from flowshot.execution.graph import DVC, search_path

ROOT = Path(__file__).resolve().parents[2]


def small_project(folder: Path) -> Path:
    """A copy of this project's pipeline and code, without anything that it made."""
    folder.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def write_params(project: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the parameters of a project."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(params)
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run(project: Path, *command: str) -> None:
    """Run a command in a project, with the code that lies there; raises CalledProcessError where it fails."""
    environment = {**os.environ, "PATH": search_path(), "PYTHONPATH": str(project / "src")}
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        environment.pop(name, None)
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, text=True)


def pretend_finished(project: Path) -> int:
    """Write something for every output of the plan, which DVC then takes for what the stages made; their number."""
    # Imported here, because only this needs DVC inside of this process.
    from dvc.repo import Repo

    with Repo(str(project)) as repo:
        stages = repo.index.stages
        outputs = {Path(out.fs_path) for stage in stages for out in stage.outs}
    for path in outputs:
        files = [path] if path.suffix else [path / f"{number}.txt" for number in range(20)]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(file), encoding="utf-8")
    run(project, *DVC, "commit", "--force", "--quiet")
    return len(stages)
