"""What a terminal shows beside the outcome: progress, which would fill a log elsewhere, and colours."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

RED, PLAIN = "\x1b[31m", "\x1b[0m"

Item = TypeVar("Item")


def counted(items: Sequence[Item], what: str, unit: str) -> Iterator[Item]:
    """The items, with a bar of how many have passed."""
    from tqdm import tqdm  # takes a tenth of a second, for which no mistake in the arguments should wait

    return iter(tqdm(items, desc=what, unit=unit, disable=None, leave=False))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show for how long the block has run, where it cannot tell how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # see `counted`
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def print_error(message: str) -> None:
    """Print one line on standard error, with a red beginning where a terminal shows colours and they are not off."""
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    print(f"{RED}error:{PLAIN} {message}" if red else f"error: {message}", file=sys.stderr)
