"""Records of what a stage did: when, how long and on which machine; beside content, and never in it.

A record is `run.json` in `runs/<stage>/<dataset>/<model>[/<prior>]/<seed>/`. No stage depends on it.
"""

import fcntl
import functools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, whole_folder, write_json
from flowshot.core.plan import RECONSTRUCTION
from flowshot.core.provenance import git_revision, machine, parameters_digest

RECORD = "run.json"
LOGGED = "mlflow.json"  # beside it, where MLflow holds it: {"run_id", "tracking_uri"}
UNSENT = Path(".flowshot/unsent")  # below the repository: records that MLflow misses, with copies of their files
MEANT_FOR = "tracking_uri"  # the file of a copy that names the store
CLIPS = 8  # how many of an arm's clips belong to its record
IDENTITY = ("plan", "dataset", "model", "prior", "seed")
NEEDED = (*IDENTITY, "stage", "parameters", "seconds", "revision", "experiment", "dvc_stage", "machine", "written")


def write_record(
    folder: Path,
    *,
    stage: str,
    plan: str,
    dataset: str,
    model: str,
    prior: str | None,
    seed: int,
    parameters: Mapping[str, Any],
    seconds: float | None,
    **more: Any,
) -> Path:
    """Write `run.json` into `folder`, in the place of an earlier one; other files of the folder stay.

    Args:
        folder: `runs/<stage>/<dataset>/<model>[/<prior>]/<seed>`, or the folder of a training that is under way.
        stage: the name of the stage's script.
        plan: the name of the plan.
        dataset: its name.
        model: its name.
        prior: its name; None for a training.
        seed: of the plan.
        parameters: everything that the result depends on, nested by section. They tell one run from another.
        seconds: that the work took; None while it is under way.
        more: other values of JSON, such as `clips`.

    Returns:
        `folder`.
    """
    record = {
        "stage": stage,
        "plan": plan,
        "dataset": dataset,
        "model": model,
        "prior": prior,
        "seed": seed,
        "parameters": parameters,
        "parameters_digest": parameters_digest(parameters),
        "seconds": seconds,
        "revision": git_revision(Path.cwd()),
        "experiment": os.environ.get("DVC_EXP_NAME", ""),
        "dvc_stage": os.environ.get("DVC_STAGE"),
        "machine": machine(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOGGED).unlink(missing_ok=True)
    write_json(folder / RECORD, record | more)
    return folder


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a folder. Raises FlowshotError where it is missing, damaged or lacks something."""
    record = read_json(folder / RECORD)
    missing = [name for name in NEEDED if not isinstance(record, dict) or name not in record]
    if missing:
        raise FlowshotError(f"{folder / RECORD}: no record, it lacks {', '.join(missing)}; run its stage again")
    return dict(record)


def record_key(record: Mapping[str, Any]) -> str:
    """What tells a run from every other: equal for equal names, parameters and DVC experiment."""
    return parameters_digest({name: record[name] for name in (*IDENTITY, "parameters", "experiment")})


def project_of(folder: Path, stage: str) -> Path:
    """The project whose record of `stage` is in `folder`. Raises FlowshotError where that is no place for one."""
    folder = folder.resolve()
    for runs in folder.parents:
        if runs.name == "runs" and runs / stage in folder.parents:
            return runs.parent
    raise FlowshotError(f"{folder}: a record of the stage {stage} must be in a folder below runs/{stage}/")


def record_files(root: Path, record: Mapping[str, Any]) -> list[Path]:
    """The files of the project `root` that belong to a training, or to an arm with its training."""
    data, training = f"data/prepared/{record['dataset']}", "{dataset}/{model}/{seed}".format(**record)
    patterns = [f"{data}/dataset.json", f"{data}/manifest.csv", f"runs/train*/{training}/*"]
    patterns += [f"models/{training}/*.json", f"models/{training}/history.csv"]
    clips: list[Path] = []
    if record["prior"] is not None:
        arm = "{dataset}/{model}/{prior}/{seed}".format(**record)
        patterns += [f"runs/reconstruct/{training}/*"] if record["prior"] == RECONSTRUCTION else []
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
def alone(key: str = "0") -> Iterator[None]:
    """Within the block no other process of this repository is in one with the same key, a hexadecimal number; it waits.

    Each key is a byte of one file, so that blocks of different keys may be nested, and no key leaves a file behind.
    """
    file, byte = _lock_file(repository() / "mlflow.db.lock"), int(key[:15], 16)
    fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@functools.cache
def _lock_file(path: Path) -> IO[str]:
    return path.open("a", encoding="utf-8")  # and never closed, which would end all locks of the process


def keep_unsent(folder: Path) -> None:
    """Copy the record in `folder` and its files, because a later run replaces them, and DVC deletes temporary folders.

    The copy is a small project of its own, in the place of an earlier copy of the same run.
    """
    record = read_record(folder)
    root = project_of(folder, record["stage"])
    with whole_folder(unsent_folder(record)) as fresh:
        for path in record_files(root, record):
            copy = fresh / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (fresh / MEANT_FOR).write_text(os.environ.get("MLFLOW_TRACKING_URI", ""), encoding="utf-8")


def unsent_records() -> list[tuple[Path, str]]:
    """The record folders of the copies that `keep_unsent` made, and `MLFLOW_TRACKING_URI` as it was then, or ""."""
    found = []
    for copy in sorted((repository() / UNSENT).glob("[!.]*/")):
        folders = [path.parent for path in sorted(copy.glob(f"runs/**/{RECORD}"))]
        own = [folder for folder in folders if unsent_folder(read_record(folder)) == copy]
        if not own or not (copy / MEANT_FOR).is_file():
            raise FlowshotError(f"{copy}: no copy of a run; remove it")
        found.append((own[0], (copy / MEANT_FOR).read_text(encoding="utf-8")))
    return found


def unsent_folder(record: Mapping[str, Any]) -> Path:
    """Where the copy of a run is, if there is one."""
    return repository() / UNSENT / record_key(record)[:32]
