"""`flowshot run` that fails on the way, with processes that the test makes."""

import argparse
import errno
import signal
import subprocess

import pytest

from flowshot.cli import run as command
from flowshot.execution.graph import StageGraph


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), BrokenPipeError(), KeyboardInterrupt()], ids=repr
)
def test_an_error_on_the_way_stops_the_stages_that_run(monkeypatch, error):
    running = []

    def start(stage, *_):
        if stage == "second":
            raise error
        running.append(subprocess.Popen(["sleep", "60"], start_new_session=True))
        return running[0]

    monkeypatch.setattr(command, "read_graph", lambda: StageGraph({"first": frozenset(), "second": frozenset()}))
    monkeypatch.setattr(command, "stale_stages", lambda: {"first", "second"})
    monkeypatch.setattr(command, "start_stage", start)
    try:
        with pytest.raises(type(error)):
            command.run(argparse.Namespace(engine="local", jobs=2))
        assert running[0].poll() == -signal.SIGINT
    finally:
        running[0].kill()
