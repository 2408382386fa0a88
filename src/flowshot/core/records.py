"""Records of what a stage did: when, for how long and on which machine. They are kept apart from outputs.

A record is `run.json` in `runs/<stage>/<dataset>/<model>[/<prior>]/<seed>/`. No stage depends on it.
"""

import fcntl
import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, write_json
from flowshot.core.provenance import git_revision, machine, parameters_digest

RECORD = "run.json"
LOGGED = "mlflow.json"  # beside it, where MLflow holds it: {"run_id", "tracking_uri"}
CLIPS = 8  # how many of an arm's clips belong to its record
IDENTITY = ("plan", "dataset", "model", "prior", "seed")
NEEDED = (*IDENTITY, "stage", "parameters", "seconds", "revision", "experiment", "dvc_stage", "machine", "written")


def write_record(
    folder: Path, *, stage: str, parameters: Mapping[str, Any], seconds: float | None, **more: Any
) -> None:
    """Write `run.json` into `folder`, instead of an earlier one; other files stay.

    Args:
        folder: `runs/<stage>/<dataset>/<model>[/<prior>]/<seed>`, or the folder of a training that is under way.
        stage: the name of the stage's script.
        parameters: everything that the result depends on, nested by section. They tell one run from another.
        seconds: that the work took; None while it is under way.
        more: the names of `IDENTITY`, `prior` being None for a training; other values of JSON, such as `clips`.
    """
    record = more | {
        "stage": stage,
        "parameters": parameters,
        "parameters_digest": parameters_digest(parameters),
        "seconds": seconds,
        "revision": git_revision(Path.cwd()),
        "experiment": os.environ.get("DVC_EXP_NAME", ""),
        "machine": machine(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOGGED).unlink(missing_ok=True)
    write_json(folder / RECORD, {"dvc_stage": os.environ.get("DVC_STAGE")} | record)


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a folder. Raises FlowshotError if it is missing, damaged or lacks something."""
    record = read_json(folder / RECORD)
    missing = [name for name in NEEDED if not isinstance(record, dict) or name not in record]
    if missing:
        raise FlowshotError(f"{folder / RECORD}: incomplete record without {', '.join(missing)}; run its stage again")
    return dict(record)


def record_key(record: Mapping[str, Any]) -> str:
    """The key of a run: equal for equal names, parameters and DVC experiment."""
    return parameters_digest({name: record[name] for name in (*IDENTITY, "parameters", "experiment")})


def project_of(folder: Path, stage: str) -> Path:
    """The project with the record of `stage` in `folder`. Raises FlowshotError if records do not belong there."""
    folder = folder.resolve()
    for runs in folder.parents:
        if runs.name == "runs" and runs / stage in folder.parents:
            return runs.parent
    raise FlowshotError(f"{folder}: a record of the stage {stage} must be in a folder below runs/{stage}/")


def record_files(root: Path, record: Mapping[str, Any]) -> list[Path]:
    """The files of the project `root` that belong to a training, or to an arm with its training."""
    data, training = f"data/prepared/{record['dataset']}", "{dataset}/{model}/{seed}".format(**record)
    patterns = [f"{data}/dataset.json", f"{data}/manifest.csv", f"runs/train/{training}/*"]
    patterns += [f"models/{training}/*.json", f"models/{training}/history.csv"]
    clips: list[Path] = []
    if record["prior"] is not None:
        arm = "{dataset}/{model}/{prior}/{seed}".format(**record)
        patterns += [f"runs/*/{arm}/*", f"priors/{arm}/*.json", f"generated/{arm}/*.json", f"scores/{arm}.json"]
        clips = sorted(root.glob(f"generated/{arm}/listen/*.flac"))[:CLIPS]
    found = [path for pattern in patterns for path in sorted(root.glob(pattern)) if path.name != LOGGED]
    return [path for path in (*found, *clips) if path.is_file() and not path.name.startswith(".")]


def repository() -> Path:
    """The folder that anchors what outlives a run: `DVC_ROOT`, or the one around here that holds `params.yaml`.

    DVC sets `DVC_ROOT` for its stages, also where they run in a temporary folder.
    """
    here = Path.cwd()
    above = next((folder for folder in (here, *here.parents) if (folder / "params.yaml").is_file()), here)
    return Path(os.environ.get("DVC_ROOT") or above).resolve()


@contextmanager
def alone(key: str = "0", wait: bool = True) -> Iterator[None]:
    """A lock of this repository for `key`, a hexadecimal number.

    Each key is a byte of one file, so that blocks of different keys may be nested, and no key leaves a file behind.
    Raises BlockingIOError where another process is in such a block and this one does not `wait`.
    """
    file, byte = _lock_file(repository() / "mlflow.db.lock"), int(key[:15], 16)
    fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, byte)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@functools.cache
def _lock_file(path: Path) -> IO[str]:
    return path.open("a", encoding="utf-8")  # and never closed, which would end all locks of the process
