"""`flowshot sync`: tell MLflow what it could not be told when it happened, or all that there is.

`python -m flowshot.cli.sync` is the drain, which `core/tracked.py` starts: it sends what stages keep, while they run.
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, whole_file, write_json
from flowshot.core.process import run_script
from flowshot.core.records import LOGGED, RECORD, alone, repository
from flowshot.core.tracked import ABOUT, DRAINING, PROBLEM, SAID, UNSENT, keep_unsent, unsent_copies

SENDING = "2"  # the key of `alone`: one process at a time sends copies and removes them
QUIET_SECONDS = 60  # how long a drain waits for further copies
PATIENCE_SECONDS = 60.0  # how long a drain tries without sending anything


def run(arguments: argparse.Namespace) -> Outcome:
    """Send every run that is kept, with `--all` also those of `runs/`; what was sent is kept no longer."""
    problems = _keep_all() if arguments.all else []
    if not problems and not unsent_copies():
        return Outcome({"sent": []}, "nothing is waiting for MLflow")
    sent: list[str] = []
    with working("sending to MLflow"):
        for place, problem in _send_unsent():
            (problems if problem else sent).append(problem or place)
    done = f"sent {_runs(len(sent))} to MLflow"
    if problems:
        why = "; ".join(dict.fromkeys(problems))
        raise FlowshotError(f"{done}, {_runs(len(problems))} not: {why}; run `flowshot sync` again")
    return Outcome({"sent": sent}, done)


def _keep_all() -> list[str]:
    """Keep a copy of every run of this project; why some could not be kept."""
    problems = []
    for name in ("train", "score"):
        for record in sorted(Path("runs", name).rglob(RECORD)):
            try:
                keep_unsent(record.parent)
            except FlowshotError as error:
                problems.append(str(error))
    return problems


def _runs(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'}"


def drain() -> None:
    """Send copies until none came for a while. Where none can be sent, write why into a file, and leave them.

    Raises BlockingIOError where another process drains.
    """
    os.nice(10)
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # each copy names its store
    while unsent_copies():  # again, as a stage may have kept one in the last moment of the lock
        with alone(DRAINING, wait=False):
            if problem := _send_until_quiet():
                with whole_file(repository() / UNSENT / PROBLEM) as fresh:
                    fresh.write_text(problem, encoding="utf-8")
                return


def _send_until_quiet() -> str:
    """Send copies, and look again every second: why this was given up, or an empty text."""
    quiet, good = 0, time.monotonic()
    while quiet < QUIET_SECONDS:
        problems = [problem for _, problem in _send_unsent()]
        if "" in problems or not problems:
            good = time.monotonic()
        elif time.monotonic() > good + PATIENCE_SECONDS:
            return problems[0] if problems[0].startswith("MLflow at ") else f"MLflow: {problems[0]}"
        quiet = 0 if problems else quiet + 1
        time.sleep(10 if any(problems) else 1)
    return ""


def _send_unsent() -> Iterator[tuple[str, str]]:
    """Send and remove all copies: of each the place of its record, and why it was not sent, or an empty text."""
    away: dict[str, str] = {}
    for copy in unsent_copies():
        try:
            with alone(SENDING):
                place = _send(copy, away) if copy.exists() else copy.name  # which another process has sent
            yield place, ""
        except FlowshotError as error:
            yield copy.name, str(error)


def _send(copy: Path, away: dict[str, str]) -> str:
    """Send a copy to the store that the user names, or it is meant for; the place of its record.

    `away` tells why stores could not be opened. They are not asked again, as that takes long.
    """
    # Imported here: it is not needed where nothing is kept.
    from flowshot.tracking.mlflow_runs import find_store, one_line, open_store, send
    from flowshot.tracking.run import read_run

    if not (copy / ABOUT).is_file():
        raise FlowshotError(f"{copy}: is not a copy of a run; remove it")
    about = read_json(copy / ABOUT)
    store = os.environ.get("MLFLOW_TRACKING_URI") or about["store"] or find_store()
    if store in away:
        raise FlowshotError(away[store])
    try:
        with one_line(store):
            open_store(store)
    except FlowshotError as error:
        away[store] = str(error)
        raise
    with one_line(store):
        run_id = send(store, read_run(copy / about["place"]))
    _forget(copy, about, {"run_id": run_id, "tracking_uri": store})
    return str(about["place"])


def _forget(copy: Path, about: dict[str, str], logged: dict[str, str]) -> None:
    """Remove a copy that was sent, older ones of the same run, and problems; say where it is beside the original."""
    original = Path(about["original"]) / RECORD
    with suppress(OSError):  # where the original is gone, as with a folder of `dvc exp run --temp`
        if original.read_bytes() == (copy / about["place"] / RECORD).read_bytes():
            write_json(original.with_name(LOGGED), logged)
    for name in (PROBLEM, SAID):
        (copy.parent / name).unlink(missing_ok=True)
    removed = copy.with_name(".sent")
    for old in copy.parent.glob(f"{copy.name.partition('-')[0]}-*"):
        if old.name <= copy.name:
            shutil.rmtree(removed, ignore_errors=True)  # left by a process that was killed here
            old.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


if __name__ == "__main__":
    run_script(drain)
