"""What every script in `stages/` shares: one-line errors, and how many processes to use."""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from flowshot.core.errors import FlowshotError
from flowshot.core.files import unwritable


def stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a FlowshotError becomes one line on standard error and exit status 1."""
    try:
        with _last_words():
            main()
    except FlowshotError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if (reason := unwritable(error)) is None:
            raise
        sys.exit(f"error: {error.filename or 'an output'}: {reason}; free space or change permissions")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; earlier outputs are untouched, run `dvc repro` to go on")


LAST_WORDS = (
    b"error: a file of data/ became shorter, or its disk failed, while this read it; nothing was written, "
    b"run `dvc repro` to start anew with what is there now\n"
)


@contextmanager
def _last_words() -> Iterator[None]:
    """Within the block, a memory-mapped file that is cut off ends the process with one line instead of silently.

    The system sends SIGBUS to the instruction that reads. A handler in Python would run after it, which never happens;
    one that C calls can print and end the process.
    """
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)

    def speak(_: int) -> None:
        os.write(2, LAST_WORDS)
        os._exit(1)

    handler, libc = handler_type(speak), ctypes.CDLL(None)
    libc.signal.restype, libc.signal.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    before = libc.signal(signal.SIGBUS, ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield
    finally:
        libc.signal(signal.SIGBUS, before)


def arguments(description: str, *names: str) -> argparse.Namespace:
    """The positional arguments of a stage, from the command line; `seed` is an integer, the others are names."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in names:
        parser.add_argument(name, type=int if name == "seed" else str)
    return parser.parse_args()


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Within the block, Ctrl-C or SIGTERM only makes the yielded function true, so that a step can be finished.

    A second request ends the process at once.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    requested: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        requested.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(requested)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def warn(line: str) -> None:
    """Say on standard error what went wrong without ending the stage."""
    print(f"warning: {line}", file=sys.stderr)


def workers() -> int:
    """How many processes or threads this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
