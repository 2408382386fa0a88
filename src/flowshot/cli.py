"""The `flowshot` command. Exit status: 0 done, 1 failed (one line says why), 2 wrong use."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence

from flowshot.commands import (
    audit,
    check,
    diagnose,
    export,
    interpolate,
    listening_test,
    report,
    run,
    sample,
    score,
)
from flowshot.commands.base import Outcome, WrongUse
from flowshot.errors import FlowshotError

COMMANDS = (check, run, report, audit, sample, interpolate, score, diagnose, listening_test, export)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit status; wrong use exits with 2 as argparse does."""
    arguments = make_parser().parse_args(argv)
    try:
        # Whatever else prints goes to standard error, so that the outcome stands alone on standard output.
        with contextlib.redirect_stdout(sys.stderr):
            outcome = arguments.run(arguments)
        show(outcome, arguments.json)
    except WrongUse as problem:
        arguments.parser.error(str(problem))
    except FlowshotError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; earlier outputs are untouched", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, such as `head`, has closed. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command and of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="flowshot", description="Generative models of short sounds: check, audit, sample, score, diagnose, report."
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
