# PYTHON_ARGCOMPLETE_OK
"""The `flowshot` command. Exit status: 0 done, 1 failed (one line says why), 2 wrong use."""

import argparse
import contextlib
import json
import logging
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from flowshot.cli import (
    audit,
    check,
    diagnose,
    export,
    inpaint,
    interpolate,
    listening_test,
    report,
    run,
    sample,
    score,
    sync,
    variations,
)
from flowshot.cli.base import Outcome, WrongUse
from flowshot.cli.completion import offer_completions
from flowshot.cli.terminal import logged, print_error
from flowshot.core.errors import FlowshotError

EPILOG = """examples:
  flowshot check && dvc repro
  flowshot sample synth/nf_prior/own --n 32 --out drawn
  flowshot score --reference ~/sounds --candidate drawn

`flowshot COMMAND --help` has the options and more examples. Every COMMAND takes --json, --verbose and --no-color.
Exit status: 0 done, 1 failed (one line on standard error says why), 2 wrong use."""
LOGGER = logging.getLogger("flowshot.cli.main")

COMMANDS = (
    check, run, report, audit, sample, interpolate, variations, inpaint, score, diagnose, listening_test, export, sync,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit status; wrong use exits with 2 as argparse does."""
    parser = make_parser()
    offer_completions(parser)
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        parser.print_help(sys.stderr)
        parser.exit(2, "\nerror: name a COMMAND\n")
    arguments = parser.parse_args(argv)
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"  # which libraries and other processes heed, too
    try:
        # Whatever else prints goes to standard error, so that the outcome stands alone on standard output.
        with contextlib.redirect_stdout(sys.stderr), logged(arguments.verbose):
            begin = time.monotonic()
            LOGGER.debug("%s, Python %s, in %s", arguments.parser.prog, platform.python_version(), Path.cwd())
            outcome: Outcome = arguments.run(arguments)
            LOGGER.debug("done in %.1f s", time.monotonic() - begin)
        show(outcome, arguments.json)
    except WrongUse as problem:
        arguments.parser.error(str(problem))
    except FlowshotError as error:
        if arguments.verbose:
            traceback.print_exc()
        print_error(str(error))
        return 1
    except KeyboardInterrupt:
        print_error("interrupted; earlier outputs are untouched")
        return 1
    except BrokenPipeError:
        # The reader, such as `head`, has closed. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command and of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="flowshot",
        description="Generative models of short sounds: train them, hear them, and measure them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="sub-commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def show(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome on standard output."""
    text = json.dumps(outcome.report, indent=2, allow_nan=False) if as_json else outcome.text
    # The terminal may not know every character of a file's name.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


if __name__ == "__main__":
    sys.exit(main())
