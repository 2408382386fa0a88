"""Send a training to MLflow while it runs: `python -m flowshot.tracking.follow FOLDER`.

Standard input is a pipe from the training: it says how the training ended, or closes where its process was killed.
"""

import logging
import os
import select
import signal
import sys
import warnings
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.process import stage, warn
from flowshot.core.records import alone, read_record, record_key
from flowshot.tracking.mlflow_runs import MlflowRun, find_store, one_line
from flowshot.tracking.run import Run


def follow(folder: Path) -> None:
    """Send the history of the training in `folder` until it has ended."""
    warnings.simplefilter("ignore")
    logging.disable()
    run = Run(folder, read_record(folder), [folder / "history.csv", folder / "times.csv"])
    store, mine, status, warned, pause = find_store(), None, "", False, 0.0
    os.nice(10)
    with alone(record_key(run.record)):
        while not status:
            if select.select([sys.stdin], [], [], pause)[0]:
                status = sys.stdin.read() or "KILLED"
                signal.alarm(20)  # ends this process, where MLflow does not answer by then
            try:
                with one_line(store):
                    mine = mine or MlflowRun(store, run)
                    mine.hold(run.numbers())
                    mine.client.update_run(mine.id, status or "RUNNING")
            except FlowshotError as error:
                if not warned:
                    warn(f"{error}; the training continues, but its curve in MLflow is incomplete")
                mine, warned = None, True
            pause = 5.0  # seconds between two calls of MLflow, unless the training ends


if __name__ == "__main__":
    stage(follow, __doc__)
