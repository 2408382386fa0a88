"""What every script in `stages/` shares: one-line errors, and how many processes to use."""

import argparse
import os
import sys
from collections.abc import Callable

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


def workers() -> int:
    """How many processes or threads this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
