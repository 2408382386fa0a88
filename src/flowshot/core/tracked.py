"""What a stage tells MLflow, through processes of their own: a server that is away costs a line on standard error."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.core.process import warn
from flowshot.core.records import keep_unsent

TRACKING = (sys.executable, "-m", "flowshot.tracking")
SEND_SECONDS = 60.0  # a record is sent within this time, or kept for `flowshot sync`
END_SECONDS = 10.0  # what a training waits at its end for its last rows to be sent
ENDED = "ended"  # the file that tells who follows a training how it ended


def send(record_folder: Path) -> None:
    """Make MLflow hold the run of a record (`core/records.py`); where that fails, warn once and keep the run."""
    command = [*TRACKING, "send", str(record_folder)]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SEND_SECONDS, check=True)
        return
    except subprocess.TimeoutExpired:
        problem = f"no answer within {SEND_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        problem = (error.stderr.decode(errors="replace").splitlines() or ["no reason given"])[-1]
    except OSError as error:
        problem = str(error)
    try:
        keep_unsent(record_folder)
        kept = "it is kept, and `flowshot sync` sends it"
    except (OSError, FlowshotError) as error:
        kept = f"no copy could be kept: {error}"
    warn(f"MLflow misses the run {record_folder}: {problem.removeprefix('error: ')}; {kept}")


@contextmanager
def following(folder: Path) -> Iterator[None]:
    """Within the block, MLflow gets the rows of `folder/history.csv` as they come, in the run of `folder/run.json`."""
    (folder / ENDED).unlink(missing_ok=True)
    command = [*TRACKING, "follow", str(folder), str(os.getpid())]
    process, status = None, "FAILED"
    with suppress(OSError):  # else `send` sends all rows; in a session of its own, as Ctrl-C is for the training
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, Interrupted):
        status = "KILLED"
        raise
    finally:
        with suppress(OSError):
            (folder / ENDED).write_text(status, encoding="utf-8")
        if process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
