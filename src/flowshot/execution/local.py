"""Stages as processes of this machine, each with its share of the cores and of the GPUs."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowshot.execution.graph import DVC, search_path
from flowshot.execution.schedule import Process

LOGS = Path(".flowshot/logs")
STOP_SECONDS = 60.0  # that stages may take to finish their step and save


def start_stage(stage: str, slot: int, slots: int, gpus: Sequence[str], alone: bool = False) -> Process:
    """Start a stage through DVC, which records it as `dvc repro` does; its output is in a file of `.flowshot/logs`.

    It runs on its share of this process's cores (on all of them if it is `alone`, or where the system has no such
    shares, as macOS). Slots take turns on the `gpus`.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    gpu = {"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if len(gpus) > 1 else {}
    try:
        # A child inherits it, and the stage has as many threads as cores: no two stages take turns on one.
        if mine and not alone:
            os.sched_setaffinity(0, cores_of(slot, slots, mine))
        with log_file(stage).open("wb") as log:
            # A session of its own, so that Ctrl-C reaches it once, from us.
            return subprocess.Popen(
                [*DVC, "--wait-for-lock", "repro", "-s", stage],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": search_path(), **gpu}, start_new_session=True,
            )  # fmt: skip
    finally:
        if mine:
            os.sched_setaffinity(0, mine)


def cores_of(slot: int, slots: int, cores: Iterable[int]) -> set[int]:
    """The cores of a slot: all cores are assigned; with more slots than cores, slots share them."""
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
    lines = log_file(stage).read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if line.startswith("error:")] or [line for line in lines if line.strip()]
    return said[-1] if said else "no output"


def stop(processes: Sequence[Process]) -> None:
    """Ask stages to finish their step and save; kill those that take too long."""
    for process in processes:
        os.killpg(process.pid, signal.SIGINT)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: at once
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
