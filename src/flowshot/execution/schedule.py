"""Run the stages of a graph side by side, each as soon as its dependencies are done."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Literal

from flowshot.execution.graph import StageGraph

State = Literal["waiting", "running", "done", "failed", "skipped"]
Process = subprocess.Popen[bytes]

POLL_SECONDS = 0.1


class Schedule:
    """The state of the `stages` of a graph; parents that are not among them count as done."""

    def __init__(self, graph: StageGraph, stages: Iterable[str]) -> None:
        self.graph, wanted = graph, set(stages)
        # In the order of the graph, which is that of dvc.yaml.
        self.states: dict[str, State] = {stage: "waiting" for stage in graph.parents if stage in wanted}
        self._began: dict[str, float] = {}

    def ready(self) -> list[str]:
        """The stages that could start now."""
        done = {stage for stage in self.graph.parents if self.states.get(stage, "done") == "done"}
        return [stage for stage in self.named("waiting") if self.graph.parents[stage] <= done]

    def alone(self, stage: str) -> bool:
        """Whether no other stage runs or can run before `stage` has ended."""
        return {*self.named("waiting"), *self.named("running")} <= self.graph.with_downstream({stage})

    def start(self, stage: str) -> None:
        """Note that `stage` runs."""
        self._began[stage] = time.monotonic()
        self._change(stage, "running")

    def finish(self, stage: str, succeeded: bool) -> None:
        """Note how `stage` ended; after a failure, all that depends on it is skipped and nothing else."""
        self._change(stage, "done" if succeeded else "failed")
        if not succeeded:
            for other in self.graph.with_downstream({stage}) & {*self.named("waiting")}:
                self._change(other, "skipped")

    def named(self, state: State) -> list[str]:
        """The stages in that state."""
        return [stage for stage, found in self.states.items() if found == state]

    def _change(self, stage: str, state: State) -> None:
        self.states[stage] = state
        ended = sum(found in ("done", "failed", "skipped") for found in self.states.values())
        took = f" after {time.monotonic() - self._began.get(stage, 0):.0f} s" if state in ("done", "failed") else ""
        print(f"{ended}/{len(self.states)} {stage}: {state}{took}", file=sys.stderr, flush=True)


def run_schedule(
    schedule: Schedule,
    slots: int,
    start: Callable[[str, int], Process],
    stop_requested: Callable[[], bool] = lambda: False,
) -> list[Process]:
    """Run until no stage can start, at most `slots` stages at once; `schedule` holds the outcome.

    `start` starts a stage in a slot, counted from 0. Returns what still runs: nothing, unless a stop was requested,
    after which nothing is started any more.
    """
    running: dict[int, tuple[str, Process]] = {}
    while True:
        for slot, (stage, process) in list(running.items()):
            status = process.poll()
            if status is not None:
                del running[slot]
                schedule.finish(stage, succeeded=status == 0)
        if stop_requested():
            return [process for _, process in running.values()]
        free = [slot for slot in range(slots) if slot not in running]
        for slot, stage in zip(free, schedule.ready(), strict=False):
            running[slot] = (stage, start(stage, slot))
            schedule.start(stage)
        if not running:
            return []
        time.sleep(POLL_SECONDS)
