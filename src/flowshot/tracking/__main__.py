"""`python -m flowshot.tracking`: `prepare` the store, `send RECORD_FOLDER`, or `follow FOLDER PID_OF_TRAINING`."""

import logging
import os
import signal
import sys
import time
import warnings
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.process import stage, warn
from flowshot.core.records import record_key
from flowshot.core.tracked import ENDED
from flowshot.tracking.mlflow_runs import MlflowRun, alone, find_store, one_line, open_store, send_record
from flowshot.tracking.run import read_training

EVERY_SECONDS = 5.0  # time between two calls of MLflow for a training
LAST_SECONDS = 20  # to say how a training ended


def main() -> None:
    """Do what the command line says."""
    warnings.simplefilter("ignore")
    logging.disable()
    store = find_store()
    with one_line(store):
        match sys.argv[1:]:
            case ["prepare"]:
                open_store(store)
            case ["send", folder]:
                send_record(store, Path(folder))
            case ["follow", folder, training]:
                follow(Path(folder), int(training))
            case _:
                raise FlowshotError(str(__doc__))


def follow(folder: Path, training: int) -> None:
    """Send the history of a training until a file says how it ended, or its process is gone."""
    os.nice(10)
    store, run, status, warned = find_store(), None, "", False
    with alone(record_key(read_training(folder).record)):
        while not status:
            if status := how_it_ended(folder, training):
                signal.alarm(LAST_SECONDS)
            try:
                with one_line(store):
                    run = run or MlflowRun(store, read_training(folder))
                    run.hold(read_training(folder).numbers())
                    run.client.update_run(run.id, status or "RUNNING")
            except FlowshotError as error:
                if not warned:
                    warn(f"{error}; it misses rows of a training, which goes on")
                warned = True
            until = time.monotonic() + EVERY_SECONDS
            while time.monotonic() < until and not (status or how_it_ended(folder, training)):
                time.sleep(0.1)


def how_it_ended(folder: Path, training: int) -> str:
    """How a training ended; empty while it is under way."""
    said = (folder / ENDED).read_text(encoding="utf-8") if (folder / ENDED).is_file() else ""
    return said or ("" if os.getppid() == training else "KILLED")


if __name__ == "__main__":
    stage(main)
