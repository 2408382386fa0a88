"""`make ui`: the MLflow UI on this machine alone, and where it is: `python -m flowshot.tracking.mlflow_ui [PORT]`."""

import os
import socket
import sys

from flowshot.core.errors import FlowshotError
from flowshot.core.process import stage
from flowshot.tracking.mlflow_runs import find_store, open_store

HOST = "127.0.0.1"  # no other machine sees it


def free_port(text: str) -> int:
    """The number of a TCP port of this machine; raises FlowshotError where it is none, or in use."""
    port = int(text) if text.isdecimal() else 0
    if not 0 < port < 65536:
        raise FlowshotError(f"PORT={text}: a port is a number from 1 to 65535, e.g. make ui PORT=5001")
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise FlowshotError(f"port {port}: {error.strerror}; try make ui PORT={port % 65535 + 1}") from None
    return port


def main() -> None:
    """Say where the UI will be, and become its server."""
    port, store = free_port(sys.argv[1] if len(sys.argv) > 1 else "5000"), find_store()
    page = f"experiments/{open_store(store)[1]}/runs?workflowType=machine_learning"  # not traces of language models
    print(f"MLflow: http://{HOST}:{port}/#/{page} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    os.execv(command[0], [*command, "--host", HOST, "--port", str(port)])


if __name__ == "__main__":
    stage(main)
