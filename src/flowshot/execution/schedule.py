"""Run the stages of a graph side by side: each as soon as what it waits for is done."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from flowshot.execution.graph import StageGraph

State = Literal["waiting", "running", "done", "failed", "skipped"]

POLL_SECONDS = 0.1


class Process(Protocol):
    """A stage that runs; `subprocess.Popen` is one."""

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""


Running = TypeVar("Running", bound=Process)


@dataclass
class Schedule:
    """What became of every stage so far.

    Args:
        graph: of which `stages` are to run; parents that are not among them count as done.
        stages: to run.

    Example:
        >>> schedule = Schedule(StageGraph({"a": frozenset(), "b": frozenset({"a"})}), {"a", "b"})
        >>> schedule.ready()
        ['a']
        >>> schedule.finish("a", succeeded=False)
        >>> schedule.states["b"]
        'skipped'
    """

    graph: StageGraph
    stages: Iterable[str]
    states: dict[str, State] = field(init=False)

    def __post_init__(self) -> None:
        wanted = set(self.stages)
        # In the order of the graph, which is that of dvc.yaml.
        self.states = {stage: "waiting" for stage in self.graph.parents if stage in wanted}

    def ready(self) -> list[str]:
        """The stages that could start now."""
        return [
            stage
            for stage, state in self.states.items()
            if state == "waiting"
            and all(self.states.get(parent, "done") == "done" for parent in self.graph.parents[stage])
        ]

    def alone(self, stage: str) -> bool:
        """Whether nothing runs beside `stage`, and nothing can before it has ended."""
        others = {name for name, state in self.states.items() if state in ("waiting", "running")}
        return others <= self.graph.with_downstream({stage})

    def start(self, stage: str) -> None:
        """Note that `stage` runs."""
        self.states[stage] = "running"

    def finish(self, stage: str, succeeded: bool) -> None:
        """Note how `stage` ended; after a failure, all that depends on it is skipped and nothing else."""
        self.states[stage] = "done" if succeeded else "failed"
        if not succeeded:
            for other in self.graph.with_downstream({stage}) - {stage}:
                if self.states.get(other) == "waiting":
                    self.states[other] = "skipped"

    def named(self, state: State) -> list[str]:
        """The stages in that state."""
        return [stage for stage, found in self.states.items() if found == state]


def run_schedule(
    schedule: Schedule,
    slots: int,
    start: Callable[[str, int], Running],
    stop_requested: Callable[[], bool] = lambda: False,
    on_change: Callable[[], None] = lambda: None,
) -> list[Running]:
    """Run until nothing more can, at most `slots` stages at once.

    Args:
        schedule: what to run; holds the outcome afterwards.
        slots: stages side by side.
        start: starts a stage in a slot, counted from 0, and returns its process.
        stop_requested: where it says yes, nothing is started any more, and what runs is handed back.
        on_change: called when a stage starts or ends.

    Returns:
        Processes that still run: none, unless a stop was requested.
    """
    running: dict[int, tuple[str, Running]] = {}
    while True:
        for slot, (stage, process) in list(running.items()):
            status = process.poll()
            if status is not None:
                del running[slot]
                schedule.finish(stage, succeeded=status == 0)
                on_change()
        if stop_requested():
            return [process for _, process in running.values()]
        free = [slot for slot in range(slots) if slot not in running]
        for slot, stage in zip(free, schedule.ready(), strict=False):
            running[slot] = (stage, start(stage, slot))
            schedule.start(stage)
            on_change()
        if not running:
            return []
        time.sleep(POLL_SECONDS)
