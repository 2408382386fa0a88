"""What runs now, for people: a table that is kept up to date on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowshot.execution.schedule import Schedule

if TYPE_CHECKING:
    from rich.table import Table


@contextmanager
def live_table(schedule: Schedule) -> Iterator[Callable[[], None]]:
    """A function to call when a stage starts or ends."""
    started: dict[str, float] = {}
    if sys.stderr.isatty():
        # Imported here, because a plain run needs none of it.
        from rich.console import Console
        from rich.live import Live

        with Live(get_renderable=lambda: _table(schedule, started), console=Console(stderr=True), refresh_per_second=2):
            yield lambda: None
    else:
        shown: dict[str, str] = {}
        yield lambda: _print_changes(schedule, started, shown)


def _print_changes(schedule: Schedule, started: dict[str, float], shown: dict[str, str]) -> None:
    ended = sum(state in ("done", "failed", "skipped") for state in schedule.states.values())
    for stage, state in schedule.states.items():
        if state != "waiting" and shown.get(stage) != state:
            started.setdefault(stage, time.monotonic())
            shown[stage] = state
            took = f" after {time.monotonic() - started[stage]:.0f} s" if state in ("done", "failed") else ""
            print(f"{ended}/{len(schedule.states)} {stage}: {state}{took}", file=sys.stderr, flush=True)


def _table(schedule: Schedule, started: dict[str, float]) -> "Table":
    from rich.table import Table

    done, failed = len(schedule.named("done")), schedule.named("failed")
    table = Table("stage", "state", "seconds", title=f"{done} of {len(schedule.states)} stages done")
    for stage in schedule.named("running"):
        began = started.setdefault(stage, time.monotonic())
        table.add_row(stage, "running", f"{time.monotonic() - began:.0f}")
    for stage in failed:
        table.add_row(stage, "failed", "")
    return table
