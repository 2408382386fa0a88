"""`make ui`: which ports it takes, and what it says of the others."""

import json
import socket
import subprocess
import sys

import pytest

from flowshot.cli.store import HOST, check_port, save_views
from flowshot.core.errors import FlowshotError
from flowshot.tracking.mlflow_runs import find_store, open_store


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The current folder is a repository of its own, with no store yet."""
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "params.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def busy_port():
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_check_port_is_taken(busy_port):
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    check_port(str(port))


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "", "5000 "])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(FlowshotError, match="a port is a number from 1 to 65535"):
        check_port(text)


def test_the_command_ends_with_one_line_where_the_port_is_in_use(busy_port, repository):
    command = [sys.executable, "-m", "flowshot.cli.store", "ui", str(busy_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: port {busy_port}: Address already in use; try another: make ui PORT=5001\n"
    assert [path.name for path in repository.iterdir()] == ["params.yaml"], "no store for a UI that does not start"


def test_views_are_saved_with_the_columns_of_metrics_that_runs_have(repository):
    pages = save_views(find_store())
    client, experiment = open_store(find_store())
    tags = client.get_experiment(experiment).tags
    columns = [
        column
        for name, value in tags.items()
        if name.startswith("mlflow.sharedViewState.")
        for column in json.loads(json.loads(value)["state"])["selectedColumns"]
    ]
    assert len(pages) == 2 and all(f"experiments/{experiment}/runs" in page for page in pages.values())
    for metric in ("kid_yamnet", "fad_yamnet", "prior_nats", "kl", "active_units"):
        assert f"metrics.`{metric}`" in columns
