"""What every script in `stages/` shares: one-line errors, and how many processes to use."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from flowshot.errors import FlowshotError


def stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a FlowshotError becomes one line on standard error and exit status 1."""
    try:
        main()
    except FlowshotError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; earlier outputs are untouched, run `dvc repro` to go on")


def arguments(description: str, *names: str) -> argparse.Namespace:
    """The positional arguments of a stage, from the command line; `seed` is an integer, the others are names."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in names:
        parser.add_argument(name, type=int if name == "seed" else str)
    return parser.parse_args()


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Within the block, Ctrl-C or a polite request to end is only noted: the function that is given tells of it.

    So that what runs can finish its step and keep its state. A second request ends the process at once.
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
