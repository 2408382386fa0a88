"""Stages as jobs of a SLURM cluster, all submitted at once with their dependencies.

The cluster must see the repository under the same path on every node, and the environment that runs this.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.execution.graph import DVC, search_path
from flowshot.execution.schedule import Schedule

JOBS = Path(".flowshot/slurm")


def submit(schedule: Schedule, options: Mapping[str, Any], minutes: int) -> dict[str, str]:
    """Submit every stage of `schedule`; returns the job of each.

    A job starts when those of its parents have ended well; where one fails, SLURM removes what waits for it. DVC runs
    the stage there, so that the repository's lock file is as after `dvc repro`. After `minutes` SLURM ends a job.

    Raises:
        FlowshotError: there is no SLURM, no submitit, or an option that it does not know.
    """
    if shutil.which("sbatch") is None:
        raise FlowshotError("sbatch not found; run --engine slurm on a machine that submits to a SLURM cluster")
    try:
        from submitit import SlurmExecutor  # imported here: it is an extra
        from submitit.helpers import CommandFunction
    except ImportError:
        raise FlowshotError("--engine slurm needs submitit; install it with `make setup EXTRAS=slurm`") from None
    # submitit's jobs run where the modules and the programs of this process are.
    os.environ["PATH"] = search_path()
    jobs: dict[str, str] = {}
    for stage in TopologicalSorter(schedule.graph.parents).static_order():
        if schedule.states.get(stage) != "waiting":
            continue
        executor = SlurmExecutor(folder=JOBS.absolute() / stage)
        parents = [jobs[parent] for parent in sorted(schedule.graph.parents[stage]) if parent in jobs]
        try:
            executor.update_parameters(
                job_name=stage, time=minutes,
                additional_parameters={
                    **options,
                    "chdir": str(Path.cwd()),
                    "kill_on_invalid_dep": "yes",
                    **({"dependency": f"afterok:{':'.join(parents)}"} if parents else {}),
                },
            )  # fmt: skip
            command = CommandFunction([*DVC, "--wait-for-lock", "repro", "-s", stage], verbose=True)
            jobs[stage] = executor.submit(command).job_id
        except (ValueError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
            if jobs:
                subprocess.run(["scancel", *jobs.values()], check=False, capture_output=True)
            raise FlowshotError(f"SLURM rejected {stage} ({error}); all submitted jobs were cancelled") from None
        schedule.start(stage)
    return jobs
