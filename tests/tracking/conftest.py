"""A repository of its own for each test, and a store of MLflow that need not be made each time."""

import shutil
import socket
import subprocess
import sys

import pytest
from tracked_project import Project


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """What `prepare` makes, which takes MLflow seconds, to be copied; the folder's name is an awkward one."""
    root = tmp_path_factory.mktemp("store") / "my repo 100% #1 ü"
    root.mkdir()
    (root / "params.yaml").touch()
    done = subprocess.run(
        [sys.executable, "-m", "flowshot.cli.store", "prepare"], cwd=root, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return root / "mlflow.db"


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """The current folder is a repository of its own, with no store yet."""
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "params.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(repository, empty_database):
    shutil.copyfile(empty_database, repository / "mlflow.db")
    return Project(repository)


@pytest.fixture
def dead(monkeypatch):
    """The address of a server where nothing listens."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def silent():
    """The address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
