"""The tables of `reports/benchmarks.md`."""

from collections.abc import Mapping
from typing import Any

from benchmarks.catalogue import Benchmark


def table(results: Mapping[str, Mapping[str, Any]], benchmarks: Mapping[str, Benchmark]) -> str:
    """Markdown: under each benchmark that was measured, what it means and one row per number."""
    sections = []
    for name, benchmark in benchmarks.items():
        if name not in results:
            continue
        rows = [
            f"| {number} | {written(value)} | {verdict(benchmark, number, value)} |"
            for number, value in results[name]["numbers"].items()
        ]
        heading = [f"## {name}", "", f"{benchmark.meaning} Measured on: {results[name]['machine']}.", ""]
        sections.append("\n".join([*heading, "| | measured | asked for |", "|---|---|---|", *rows]))
    return "\n\n".join(sections)


def written(value: float | str) -> str:
    """Three digits, or all before the point where there are more."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(benchmark: Benchmark, number: str, value: float | str) -> str:
    """What is asked of the number, and where it is not so, that it is not."""
    if number not in benchmark.wanted:
        return ""
    wanted = benchmark.wanted[number]
    return f"{wanted}" if wanted.is_met(value) else f"{wanted}: **not met**"
