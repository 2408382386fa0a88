"""Send records to MLflow through other processes, so that no stage waits for MLflow or fails with it.

`.flowshot/unsent/` of the repository holds copies of records that MLflow has not received. One process, the drain,
sends them; where it gives up, it says why in the file `problem` beside them. With `FLOWSHOT_TRACKING=later` no process
is started, and all copies wait for `flowshot sync`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.core.files import whole_folder, write_json
from flowshot.core.process import warn
from flowshot.core.provenance import parameters_digest
from flowshot.core.records import RECORD, alone, project_of, read_record, record_files, record_key, repository

FOLLOWER, DRAIN = "flowshot.tracking.follow", "flowshot.cli.sync"  # modules, started as processes
UNSENT, PROBLEM, SAID = Path(".flowshot/unsent"), "problem", "problem.said"
ABOUT, DRAINING = "copy.json", "1"  # the file of a copy that says of what and for which store; the drain's lock
RETRY_SECONDS = 600.0  # no drain starts for as long after one gave up, so that a dead server costs nothing
END_SECONDS = 10.0  # what a training waits at its end for its last rows to be sent
LATER = os.environ.get("FLOWSHOT_TRACKING") == "later"


def send(record_folder: Path) -> None:
    """Copy a record (`core/records.py`) and start a process that sends it to MLflow, without waiting."""
    try:
        keep_unsent(record_folder)
        if _take_problem():
            _warn()
        _start_drain()
    except (OSError, FlowshotError) as error:
        warn(f"MLflow may miss the run {record_folder}: {error}; `flowshot sync --all` sends it")


def flush(seconds: float) -> None:
    """Wait at most `seconds` until MLflow has every record, and not for a store that failed; warn of what it misses."""
    deadline = time.monotonic() + seconds
    with suppress(OSError):
        if unsent_copies() and not _take_problem() and _start_drain():
            while unsent_copies() and not _take_problem() and time.monotonic() < deadline:
                time.sleep(0.1)
        if unsent_copies():
            _warn()


def keep_unsent(folder: Path) -> None:
    """Copy the record in `folder` and its files, because a later run replaces them, and DVC deletes temporary folders.

    The copy is a small project of its own, and never changes: a later one of the same run takes its place.
    """
    record, folder = read_record(folder), folder.resolve()
    root, store = project_of(folder, record["stage"]), os.environ.get("MLFLOW_TRACKING_URI", "")
    files = record_files(root, record)
    # An arm's run depends on the parameters of the stages before it, too.
    keys = [record_key(read_record(path.parent)) for path in files if path.name == RECORD]
    name = parameters_digest({"records": keys})[:32]
    with whole_folder(repository() / UNSENT / f"{name}-{time.time_ns()}") as fresh:
        for path in files:
            copy = fresh / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        write_json(fresh / ABOUT, {"place": str(folder.relative_to(root)), "original": str(folder), "store": store})


def unsent_copies() -> list[Path]:
    """The last copy of each run that MLflow has not received: trainings before arms."""
    last = {copy.name.partition("-")[0]: copy for copy in sorted((repository() / UNSENT).glob("[!.]*/"))}
    return sorted(last.values(), key=lambda copy: (copy / "runs/score").is_dir())


def _take_problem() -> bool:
    """Whether a drain gave up and no stage has reported it; marks it as reported."""
    folder = repository() / UNSENT
    with suppress(FileNotFoundError):
        return bool((folder / PROBLEM).rename(folder / SAID))  # which keeps its time
    return False


def _warn() -> None:
    said, missing = repository() / UNSENT / SAID, len(unsent_copies())
    store, _, reason = (said.read_text("utf-8") if said.exists() else "MLflow: not sent yet").partition(": ")
    runs = f"{missing} run{'s' * (missing != 1)}"
    warn(f"{store} is missing {runs}: {reason}; `flowshot sync` sends them later")


def _start_drain() -> bool:
    """Start a process that sends the copies, unless one is running; False if one gave up recently or none is wanted."""
    if LATER:
        return False
    with suppress(FileNotFoundError):
        if time.time() - (repository() / UNSENT / SAID).stat().st_mtime < RETRY_SECONDS:
            return False
    with suppress(BlockingIOError):
        with alone(DRAINING, wait=False):
            pass
        command, null = [sys.executable, "-m", DRAIN], subprocess.DEVNULL
        subprocess.Popen(command, cwd=repository(), stdin=null, stdout=null, stderr=null, start_new_session=True)
    return True


@contextmanager
def following(folder: Path) -> Iterator[None]:
    """Within the block, MLflow receives new rows of `folder/history.csv` in the run of `folder/run.json`."""
    if LATER:
        yield
        return
    process, status = None, "FAILED"
    command, null = [sys.executable, "-m", FOLLOWER, str(folder)], subprocess.DEVNULL
    with suppress(OSError):  # else `send` sends all rows; in a session of its own, as Ctrl-C is for the training
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=null, start_new_session=True, text=True)
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, Interrupted):
        status = "KILLED"
        raise
    finally:
        if process:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(status, timeout=END_SECONDS)
            process.kill()
