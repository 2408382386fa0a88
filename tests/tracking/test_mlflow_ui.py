"""`make ui`: which ports it takes, and what it says of the others."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.tracking.mlflow_ui import HOST, free_port

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def busy_port() -> int:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_one_line_that_names_another(busy_port: int) -> None:
    with pytest.raises(FlowshotError, match=rf"^port {busy_port} is in use; .*make ui PORT={busy_port + 1}$"):
        free_port(str(busy_port))


def test_a_free_port_is_taken(busy_port: int) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert free_port(str(port)) == port != busy_port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "", "5000 "])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(FlowshotError, match="a port is a number from 1 to 65535"):
        free_port(text)


def test_the_command_ends_with_one_line_where_the_port_is_in_use(busy_port: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flowshot.tracking.mlflow_ui", str(busy_port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: port ") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "no store is made for a UI that does not start"
