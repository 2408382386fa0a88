# PYTHON_ARGCOMPLETE_OK
"""The `flowshot` command. Exit status: 0 done, 1 failed (one line says why), 2 wrong use."""

import argparse
import contextlib
import importlib
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from flowshot.cli.base import Outcome, WrongUse
from flowshot.cli.parser import make_parser
from flowshot.cli.terminal import print_error
from flowshot.core.errors import FlowshotError
from flowshot.core.files import unwritable


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit status; wrong use exits with 2 as argparse does."""
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete  # only the shell needs it: it answers, which ends the process

        argcomplete.autocomplete(parser)
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        parser.print_help(sys.stderr)
        parser.exit(2, "\nerror: name a COMMAND\n")
    arguments = parser.parse_args(argv)
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"  # which libraries and other processes heed, too
    return run_command(arguments)


def run_command(arguments: argparse.Namespace) -> int:
    """Run a sub-command; what went wrong is one line."""
    try:
        # Whatever else prints goes to standard error, so that the outcome stands alone on standard output.
        with contextlib.redirect_stdout(sys.stderr):
            begin = time.monotonic()
            module = importlib.import_module(f"flowshot.cli.{arguments.command.replace('-', '_')}")
            outcome: Outcome = module.run(arguments)
        if arguments.verbose:
            took, python = time.monotonic() - begin, platform.python_version()
            print(f"{arguments.parser.prog}: took {took:.1f} s in {Path.cwd()}, Python {python}", file=sys.stderr)
        show(outcome, arguments.json)
    except WrongUse as problem:
        arguments.parser.error(str(problem))
    except FlowshotError as error:
        if arguments.verbose:
            traceback.print_exc()
        print_error(str(error))
        return 1
    except BrokenPipeError:
        # The reader, such as `head`, has closed. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if (reason := unwritable(error)) is None:
            raise
        print_error(f"{error.filename or 'an output'}: {reason}; free space or change permissions")
        return 1
    except KeyboardInterrupt:
        print_error("interrupted; earlier outputs are unchanged")
        return 1
    return 0


def show(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome on standard output."""
    text = json.dumps(outcome.report, indent=2, allow_nan=False) if as_json else outcome.text
    # The terminal may not know every character of a file's name.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


if __name__ == "__main__":
    sys.exit(main())
