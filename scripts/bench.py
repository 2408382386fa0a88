"""Measure speed on this machine: `make bench` writes `reports/benchmarks.json` and `reports/benchmarks.md`.

    python scripts/bench.py                    # all of them
    python scripts/bench.py decoding sampling  # these; the numbers of the others stay
    python scripts/bench.py --list             # their names

Ratios are taken in one run that alternates with the named peer, because machines differ and are shared; absolute
numbers say little. docs/running.md says how to install the peers.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.catalogue import BENCHMARKS, LONG, Benchmark
from benchmarks.table import table

from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.core.process import prepare_threads, workers
from flowshot.core.provenance import machine

ROOT = Path(__file__).resolve().parents[1]
NUMBERS, PAGE = Path("reports/benchmarks.json"), Path("reports/benchmarks.md")


def main() -> None:
    """Measure what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks; none: all but the long ones")
    parser.add_argument("--list", action="store_true", help="only say their names")
    arguments = parser.parse_args()
    known = BENCHMARKS | LONG
    if arguments.list:
        print("\n".join(known))
        return
    for name in arguments.names:
        if name not in known:
            parser.error(f"no benchmark {name!r}; there are: {', '.join(known)}")
    prepare_threads(workers())
    measure(ROOT, {name: known[name] for name in arguments.names or BENCHMARKS}, known)


def measure(root: Path, chosen: Mapping[str, Benchmark], known: Mapping[str, Benchmark]) -> None:
    """Measure `chosen`, writing numbers and table after each: what was measured stays where a later one fails."""
    for name, benchmark in chosen.items():
        numbers = benchmark.measure()
        print(f"{name}: {json.dumps(numbers)}", flush=True)
        if numbers:
            keep(root, name, {"machine": machine(), "numbers": numbers}, known)


def keep(root: Path, name: str, result: Mapping[str, Any], known: Mapping[str, Benchmark]) -> None:
    """Add a result to those that are there, without benchmarks that no longer exist, and write the table again."""
    path, page = root / NUMBERS, root / PAGE
    former = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results = {
        each: found
        for each in known
        if isinstance(found := result if each == name else former.get(each), dict) and "numbers" in found
    }
    write_json(path, results)
    page.write_text(f"# Benchmarks\n\nWritten by `make bench`.\n\n{table(results, known)}\n", encoding="utf-8")


if __name__ == "__main__":
    # Of this machine alone, whatever a user's settings say.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        main()
    except FlowshotError as error:
        sys.exit(f"error: {error}")
