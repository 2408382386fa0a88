"""`python -m flowshot.tracking`: `prepare` | `follow FOLDER PID_OF_TRAINING` | `ui PORT`."""

import json
import logging
import os
import signal
import socket
import sys
import time
import warnings
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.process import run_script, warn
from flowshot.core.records import alone, read_record, record_key
from flowshot.core.tracked import ENDED
from flowshot.tracking.mlflow_runs import MlflowRun, find_store, one_line, open_store
from flowshot.tracking.run import Run

HOST = "127.0.0.1"  # of the UI: no other machine sees it


def main() -> None:
    """Do what the command line says."""
    warnings.simplefilter("ignore")
    logging.disable()
    with one_line(find_store()):
        match sys.argv[1:]:
            case ["prepare"]:
                open_store(find_store())
            case ["follow", folder, training]:
                follow(Path(folder), int(training))
            case ["ui", port]:
                show(port)
            case _:
                raise FlowshotError(str(__doc__))


def follow(folder: Path, training: int) -> None:
    """Send the history of a training until a file says how it ended, or its process has ended."""
    run = Run(folder, read_record(folder), [folder / "history.csv", folder / "times.csv"])
    store, mine, status, warned = find_store(), None, "", False
    os.nice(10)
    with alone(record_key(run.record)):
        while not status:
            if status := how_it_ended(folder, training):
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
            for _ in range(50):  # 5 s between two calls of MLflow, unless the training ends
                time.sleep(0 if status or how_it_ended(folder, training) else 0.1)


def how_it_ended(folder: Path, training: int) -> str:
    """How a training ended; empty while it is running."""
    said = (folder / ENDED).read_text(encoding="utf-8") if (folder / ENDED).is_file() else ""
    return said or ("" if os.getppid() == training else "KILLED")


def check_port(port: str) -> None:
    """Raise FlowshotError if a port is invalid or in use."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise FlowshotError(f"PORT={port}: a port is a number from 1 to 65535, e.g. make ui PORT=5001")
    try:
        socket.create_server((HOST, int(port))).close()
    except OSError as error:
        raise FlowshotError(f"port {port}: {os.strerror(error.errno or 0)}; try another: make ui PORT=5001") from None


def save_views(store: str) -> dict[str, str]:
    """Give the experiment the views of `views.json`, with columns, order and charts chosen; their pages by name."""
    client, experiment = open_store(store)
    pages = {}
    for key, view in json.loads(Path(__file__).with_name("views.json").read_text("utf-8")).items():
        saved = {"name": view["name"], "createdAt": 0, "state": json.dumps(view["state"])}
        client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{key}", json.dumps(saved))
        pages[view["name"]] = f"experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={key}"
    return pages


def show(port: str) -> None:
    """Print the address of the UI and become its server."""
    check_port(port)
    print("MLflow (Ctrl-C ends it):", flush=True)
    for name, page in save_views(find_store()).items():
        print(f"  {name}: http://{HOST}:{port}/#/{page}", flush=True)
    command = ["-m", "mlflow", "ui", "--backend-store-uri", find_store(), "--host", HOST, "--port", port]
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    run_script(main)
