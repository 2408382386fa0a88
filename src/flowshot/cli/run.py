"""`flowshot run`: the plan with several stages side by side."""

import argparse
import time

from flowshot.cli.base import Outcome, table
from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.core.process import stop_requests, workers
from flowshot.execution.graph import read_graph, stale_stages
from flowshot.execution.local import log_file, reason_of, start_stage, stop, visible_gpus
from flowshot.execution.schedule import Process, Schedule, run_schedule
from flowshot.execution.slurm import submit


def run(arguments: argparse.Namespace) -> Outcome:
    """Run what is stale and what depends on it; a stage that fails stops only what depends on it."""
    graph = read_graph()
    schedule = Schedule(graph, graph.with_downstream(stale_stages()))
    if arguments.engine == "slurm":
        jobs = submit(schedule, dict(arguments.sbatch), arguments.minutes)
        return Outcome({"submitted": jobs}, table(("stage", "job"), [[stage, job] for stage, job in jobs.items()]))
    begin, slots, gpus = time.monotonic(), arguments.jobs or workers(), visible_gpus()
    started: list[Process] = []

    def start(stage: str, slot: int) -> Process:
        started.append(start_stage(stage, slot, slots, gpus, schedule.alone(stage)))
        return started[-1]

    with stop_requests() as stop_requested:
        try:
            left = run_schedule(schedule, slots, start, stop_requested)
        finally:  # also after an error, such as of a full disk: stages would go on without us
            stop([process for process in started if process.poll() is None])
    report = {state: schedule.named(state) for state in ("done", "failed", "skipped", "waiting")}
    seconds = time.monotonic() - begin
    if left or report["waiting"]:
        raise Interrupted(f"stopped with {len(report['done'])} of {len(schedule.states)} stages done; run it again")
    if report["failed"]:
        reasons = [f"{stage}: {reason_of(stage)} ({log_file(stage)})" for stage in report["failed"]]
        skipped = f"not run because they depend on it: {', '.join(report['skipped'])}"
        raise FlowshotError("; ".join([*reasons, *([skipped] if report["skipped"] else [])]))
    return Outcome({**report, "seconds": seconds}, f"{len(report['done'])} stages done in {seconds:.0f} s")
