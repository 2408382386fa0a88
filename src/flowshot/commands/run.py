"""`flowshot run`: the plan with several stages side by side."""

import argparse
import time

from flowshot.commands.base import Commands, Outcome, add_command, positive
from flowshot.errors import FlowshotError, Interrupted
from flowshot.execution.display import live_table
from flowshot.execution.graph import read_graph, stale_stages
from flowshot.execution.local import LocalMachine, log_file, reason_of, stop
from flowshot.execution.schedule import Schedule, run_schedule
from flowshot.stage import stop_requests, workers


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Run the plan with several stages side by side; the results are those of `dvc repro`."
    parser = add_command(commands, "run", description, ("flowshot run --jobs 2", "make repro JOBS=2"), run)
    parser.add_argument(
        "--jobs", type=positive, default=workers(), metavar="N", help="stages at once (%(default)s, one a core)"
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """Run what is stale and what depends on it; a stage that fails stops only what depends on it."""
    graph = read_graph()
    schedule = Schedule(graph, graph.with_downstream(stale_stages()))
    machine = LocalMachine(arguments.jobs)
    begin = time.monotonic()
    with stop_requests() as stop_requested, live_table(schedule) as show:
        left = run_schedule(schedule, arguments.jobs, machine.start, stop_requested, show)
        stop(left)
    report = {state: schedule.named(state) for state in ("done", "failed", "skipped", "waiting")}
    seconds = time.monotonic() - begin
    if left or report["waiting"]:
        raise Interrupted(f"stopped with {len(report['done'])} of {len(schedule.states)} stages done; run it again")
    if report["failed"]:
        raise FlowshotError("; ".join(_failure(stage) for stage in report["failed"]) + _skipped(report["skipped"]))
    return Outcome({**report, "seconds": seconds}, f"{len(report['done'])} stages done in {seconds:.0f} s")


def _failure(stage: str) -> str:
    return f"{stage}: {reason_of(stage)} ({log_file(stage)})"


def _skipped(stages: list[str]) -> str:
    return f"; not run for want of it: {', '.join(stages)}" if stages else ""
