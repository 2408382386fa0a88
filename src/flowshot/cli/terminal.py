"""What a terminal shows beside the outcome: progress, which would fill a log elsewhere, colours, and the log."""

import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

REFRESH_SECONDS = 0.5
RED, PLAIN = "\x1b[31m", "\x1b[0m"

Item = TypeVar("Item")


def counted(items: Iterable[Item], what: str, total: int, unit: str = "clip") -> Iterator[Item]:
    """The items, with a bar of how many have passed."""
    from tqdm import tqdm  # takes a tenth of a second, for which no mistake in the arguments should wait

    return iter(tqdm(items, desc=what, total=total, unit=unit, file=sys.stderr, disable=None, leave=False))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show for how long the block has run, where it cannot tell how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm  # see `counted`

    finished = threading.Event()
    with tqdm(desc=what, bar_format="{desc} {elapsed}", file=sys.stderr, leave=False) as line:

        def refresh() -> None:
            while not finished.wait(REFRESH_SECONDS):
                line.refresh()

        # A daemon, so that nothing waits for it where the process is stopped.
        thread = threading.Thread(target=refresh, daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()


def print_error(message: str) -> None:
    """Print one line on standard error, with a red beginning where a terminal shows colours and they are not off."""
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    print(f"{RED}error:{PLAIN} {message}" if red else f"error: {message}", file=sys.stderr)


@contextmanager
def logged(verbose: bool) -> Iterator[None]:
    """Within the block, print flowshot's log on standard error if `verbose`."""
    if not verbose:
        yield
        return
    logger, handler = logging.getLogger("flowshot"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
