"""The table of docs/performance.md."""

from collections.abc import Mapping
from typing import Any

from benchmarks.catalogue import Benchmark
from flowshot.core.errors import FlowshotError

BEGIN, END = "<!-- benchmarks: begin, written by `make bench` -->", "<!-- benchmarks: end -->"


def table(results: Mapping[str, Mapping[str, Any]], benchmarks: Mapping[str, Benchmark]) -> str:
    """Markdown: under each benchmark that was measured, what it means and a row a number."""
    sections = []
    for name, benchmark in benchmarks.items():
        if name not in results:
            continue
        rows = [
            f"| {number} | {written(value)} | {verdict(benchmark, number, value)} |"
            for number, value in results[name]["numbers"].items()
        ]
        heading = [f"### {name}", "", f"{benchmark.meaning} Measured on: {results[name]['machine']}.", ""]
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


def replace_table(page: str, text: str) -> str:
    """The page with `text` between the two marks; raises FlowshotError where it does not have them once each."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise FlowshotError(f"the page has no place for the table; put `{BEGIN}` and `{END}` there, a line each")
    return f"{page.partition(BEGIN)[0]}{BEGIN}\n\n{text}\n\n{END}{page.partition(END)[2]}"
