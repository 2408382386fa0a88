"""Where a number comes from: the revision of the code, the parameters, and the machine that ran it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flowshot.core.files import sha256_of_file
from flowshot.core.process import workers

# Parameters are written beside the revision: another plan is no change of the code.
CODE = ("src", "stages", "dvc.yaml")


def git_revision(folder: Path) -> str:
    """The commit checked out in `folder`, with `+changes` if the code differs from it.

    `unknown` where `folder` is in no git repository, or git is not installed.
    """
    git = ["git", "-C", str(folder)]
    try:
        revision = subprocess.check_output([*git, "rev-parse", "HEAD"], stderr=subprocess.DEVNULL, text=True).strip()
        changes = subprocess.check_output([*git, "status", "--porcelain", "--", *CODE], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{revision}+changes" if changes else revision


def parameters_digest(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of nested parameters, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def work_digest(parameters: Mapping[str, Any], *files: Path) -> str:
    """SHA-256 of what decides the result of this process: `parameters`, `files`, its code, and the version of PyTorch.

    The code is the script and every module of flowshot that is imported by now. Work that was interrupted may be taken
    up only under the same digest.
    """
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("flowshot", "__main__")]
    code = {Path(path) for module in modules if (path := getattr(module, "__file__", None))}
    content = {path.name: sha256_of_file(path) for path in files}
    sources = sorted(sha256_of_file(path) for path in code if path.suffix == ".py")
    return parameters_digest({"parameters": parameters, "files": content, "code": sources, "torch": version("torch")})


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
    cores = workers()
    return f"{cores} {'core' if cores == 1 else 'cores'}, torch {version('torch')}"
