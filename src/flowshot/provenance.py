"""Where a number comes from: the revision of the code, the parameters, and the machine that ran it."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What decides a result; reports and documents may be edited without making it another one.
CODE = ("src", "stages", "params.yaml", "dvc.yaml")
UNKNOWN = "unknown"


def git_revision(folder: Path) -> str:
    """The commit checked out in `folder`, with `+changes` where code or parameters differ from it.

    `unknown` where `folder` is in no git repository, or git is not installed.
    """
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return f"{revision}+changes" if changes else revision


def parameters_digest(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of nested parameters, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as text by dotted names: `{"train": {"beta": 1.0}}` becomes `{"train.beta": "1.0"}`."""
    flat: dict[str, str] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def machine() -> str:
    """The cores this process may use and the version of PyTorch, without importing it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        torch = f"torch {version('torch')}"
    except PackageNotFoundError:
        torch = "no torch"
    return f"{cores} {'core' if cores == 1 else 'cores'}, {torch}"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
