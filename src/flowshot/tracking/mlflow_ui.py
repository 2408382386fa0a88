"""`make ui`: the MLflow UI on this machine alone, and where it is: `python -m flowshot.tracking.mlflow_ui [PORT]`."""

import os
import socket
import sys

from flowshot.core.errors import FlowshotError
from flowshot.core.process import stage
from flowshot.tracking.local_store import find_store
from flowshot.tracking.mlflow_runs import experiment_id

HOST = "127.0.0.1"  # loopback: no other machine sees it
PORT = "5000"
VIEW = "workflowType=machine_learning"  # else MLflow opens on traces of language models


def free_port(text: str) -> int:
    """The number of a TCP port of this machine on which nothing listens.

    Raises:
        FlowshotError: it is no port, or in use.
    """
    port = int(text) if text.isdecimal() else 0
    if not 0 < port < 65536:
        raise FlowshotError(f"PORT={text}: a port is a number from 1 to 65535, e.g. make ui PORT=5001")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server itself binds; a port whose last connection is still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise FlowshotError(f"port {port} is for root alone; choose another one: make ui PORT=5001") from None
        except OSError:
            raise FlowshotError(f"port {port} is in use; choose another one: make ui PORT={port % 65535 + 1}") from None
    return port


def main() -> None:
    """Say where the UI will be, and become its server."""
    port = free_port(sys.argv[1] if len(sys.argv) > 1 else PORT)
    store = find_store()
    address = f"http://{HOST}:{port}/#/experiments/{experiment_id(store)}/runs?{VIEW}"
    print(f"MLflow: {address} (Ctrl-C ends it)", flush=True)
    command = ["mlflow", "ui", "--backend-store-uri", store.uri, "--host", HOST, "--port", str(port)]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise FlowshotError(f"mlflow: {error.strerror}; run `make setup`") from None


if __name__ == "__main__":
    stage(main)
