"""Plant the faults of `scripts/mutations.toml` one by one, and check that the test of each fault fails.

    python scripts/mutations.py            # all of them, some minutes
    python scripts/mutations.py mixture    # those whose name has one of these words

They are planted in a copy of `src`, never in the project itself. Exit status 1 if a test fails without a fault, or
passes with one.
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

# Imported once, and not in every fork.
import hypothesis  # noqa: F401
import nflows.transforms  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import torch  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutation:
    """`old` stands once in `file`, relative to src/flowshot; `test` is relative to tests."""

    name: str
    file: str
    old: str
    new: str
    test: str


def mutations() -> list[Mutation]:
    """All of `scripts/mutations.toml`."""
    table = tomllib.loads((ROOT / "scripts/mutations.toml").read_text(encoding="utf-8"))
    return [Mutation(**entry) for entry in table["mutation"]]


def passes(copy: Path, *tests: str) -> bool:
    """Whether `tests` pass on the code in `copy`, in a fork of this process, which has imported all but flowshot."""
    child = multiprocessing.get_context("fork").Process(target=run_pytest, args=(copy, *tests))
    child.start()
    child.join()
    if child.exitcode not in (0, 1):
        raise SystemExit(f"pytest could not run {' '.join(tests)}")
    return child.exitcode == 0


def run_pytest(copy: Path, *tests: str) -> None:
    """Exit with the status of pytest; what it prints is dropped."""
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(copy / "src")]
    os.chdir(copy)
    import flowshot  # not before: the copy is to be imported

    assert Path(flowshot.__path__[0]).is_relative_to(copy)
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        status = pytest.main(["-q", "-x", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", *tests])
    os._exit(int(status))


def main() -> None:
    """Plant and test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    words = [word.lower() for word in parser.parse_args().words]
    chosen = [one for one in mutations() if not words or any(word in one.name.lower() for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "tests", "stages"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("params.yaml", "pyproject.toml"):
            shutil.copy(ROOT / name, copy)
        if not passes(copy, *sorted({f"tests/{one.test}" for one in chosen})):
            raise SystemExit("a test fails without any fault")
        for one in chosen:
            path = copy / "src/flowshot" / one.file
            text = path.read_text(encoding="utf-8")
            if text.count(one.old) != 1:
                raise SystemExit(f"{one.file}: has {text.count(one.old)} times {one.old!r}")
            path.write_text(text.replace(one.old, one.new), encoding="utf-8")
            noticed = not passes(copy, f"tests/{one.test}")
            path.write_text(text, encoding="utf-8")
            print(f"{'noticed' if noticed else 'MISSED '} {one.name}", flush=True)
            missed += not noticed
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
