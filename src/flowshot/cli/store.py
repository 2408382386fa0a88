"""The store of MLflow: `python -m flowshot.cli.store prepare` makes it, and `... ui PORT` shows it (`make ui`)."""

import json
import logging
import os
import socket
import sys
import warnings
from importlib.resources import files

from flowshot.core.errors import FlowshotError
from flowshot.core.process import run_script
from flowshot.tracking.mlflow_runs import find_store, one_line, open_store

HOST = "127.0.0.1"  # no other machine sees the UI


def main() -> None:
    """Do what the command line says."""
    warnings.simplefilter("ignore")
    logging.disable()
    store = find_store()
    with one_line(store):
        match sys.argv[1:]:
            case ["prepare"]:
                open_store(store)
            case ["ui", port]:
                show(store, port)
            case _:
                raise FlowshotError(str(__doc__))


def show(store: str, port: str) -> None:
    """Print the addresses of the views and become the server of the UI."""
    check_port(port)
    print("MLflow (Ctrl-C ends it):", flush=True)
    for name, page in save_views(store).items():
        print(f"  {name}: http://{HOST}:{port}/#/{page}", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store, "--host", HOST, "--port", port]
    os.execv(sys.executable, command)


def check_port(port: str) -> None:
    """Raise FlowshotError if a port is invalid or in use."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise FlowshotError(f"PORT={port}: a port is a number from 1 to 65535, e.g. make ui PORT=5001")
    try:
        socket.create_server((HOST, int(port))).close()
    except OSError as error:
        raise FlowshotError(f"port {port}: {os.strerror(error.errno or 0)}; try another: make ui PORT=5001") from None


def save_views(store: str) -> dict[str, str]:
    """Save the views of `views.json` (columns, order and charts) in the experiment; their pages by name."""
    client, experiment = open_store(store)
    pages = {}
    for key, view in json.loads((files("flowshot.cli") / "views.json").read_text("utf-8")).items():
        saved = {"name": view["name"], "createdAt": 0, "state": json.dumps(view["state"])}
        client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{key}", json.dumps(saved))
        pages[view["name"]] = f"experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={key}"
    return pages


if __name__ == "__main__":
    run_script(main)
