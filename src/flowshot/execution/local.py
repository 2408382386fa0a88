"""Stages as processes of this machine, each with its share of the cores and of the GPUs."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowshot.execution.graph import DVC, search_path

LOGS = Path(".flowshot/logs")
# How long stages that were asked to stop may take to finish their step and save.
STOP_SECONDS = 60.0


@dataclass
class LocalMachine:
    """Starts stages through DVC, so that what ran is known to it as after `dvc repro`.

    Args:
        slots: stages side by side; each has its share of the cores that this process may use.
        gpus: names for `CUDA_VISIBLE_DEVICES`; the slots take turns.
    """

    slots: int
    gpus: Sequence[str] = field(default_factory=lambda: visible_gpus())

    def environment(self, slot: int) -> dict[str, str]:
        """The variables of a stage in a slot."""
        gpu = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if len(self.gpus) > 1 else {}
        return {**os.environ, "PATH": search_path(), **gpu}

    def start(self, stage: str, slot: int, alone: bool = False) -> "subprocess.Popen[bytes]":
        """Start a stage, on all cores if it is `alone`; its output goes to a file of `.flowshot/logs`."""
        LOGS.mkdir(parents=True, exist_ok=True)
        mine = os.sched_getaffinity(0)
        try:
            # A child inherits it, and the stage has as many threads as cores: no two stages take turns on one.
            os.sched_setaffinity(0, mine if alone else cores_of(slot, self.slots, mine))
            with log_file(stage).open("wb") as log:
                # A session of its own, so that Ctrl-C reaches it once, from us.
                return subprocess.Popen(
                    [*DVC, "--wait-for-lock", "repro", "-s", stage],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment(slot),
                    start_new_session=True,
                )  # fmt: skip
        finally:
            os.sched_setaffinity(0, mine)


def cores_of(slot: int, slots: int, cores: Iterable[int]) -> set[int]:
    """The cores of a slot: all of them are dealt out; with more slots than cores, several slots share one.

    Example:
        >>> cores_of(1, 2, {0, 1, 2, 3, 4})
        {1, 3}
    """
    dealt = sorted(cores)
    return set(dealt[slot % len(dealt) :: slots]) or {dealt[slot % len(dealt)]}


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them; none without NVIDIA's driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number in range(len(listed.stdout.splitlines()))] if listed.returncode == 0 else []


def log_file(stage: str) -> Path:
    """Where the output of a stage is."""
    return LOGS / f"{stage}.log"


def reason_of(stage: str) -> str:
    """The error that a stage ended with: its last line that says so, or its last line."""
    lines = log_file(stage).read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    said = [line for line in lines if line.startswith("error:")] or [line for line in lines if line.strip()]
    return said[-1] if said else "it said nothing"


def stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Ask stages to finish their step and save; those that take too long are ended."""
    for process in processes:
        os.killpg(process.pid, signal.SIGINT)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
