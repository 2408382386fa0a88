"""What DVC costs where there is nothing to do, and what stages side by side gain."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import Numbers, once, seconds
from benchmarks.project import DVC, pretend_finished, run, small_project, write_params

UNCHANGED = (sys.executable, "-m", "flowshot.execution.unchanged")


def nothing_to_do() -> Numbers:
    """`make repro` and `dvc repro` on the plan of params.yaml, all of whose stages are up to date.

    What the stages made is made up, because DVC does not look into it.
    """
    with TemporaryDirectory() as temporary:
        project = small_project(Path(temporary, "project"))
        stages = pretend_finished(project)
        run(project, *DVC, "repro")
        run(project, *UNCHANGED)

        def make_repro() -> None:
            # The lines of the Makefile.
            run(project, sys.executable, "-m", "flowshot.cli.main", "check")
            run(project, *UNCHANGED, "dvc", "repro")
            run(project, *UNCHANGED)

        return {
            "seconds of make repro": seconds(make_repro),
            "seconds of dvc repro": seconds(lambda: run(project, *DVC, "repro"), runs=2),
            "stages": stages,
        }


def side_by_side(steps: int | None = 30) -> Numbers:
    """The plan `quick` with two stages side by side on a core each, against one after the other on both.

    Args:
        steps: of each training; None: as many as the plan has, which takes an hour.
    """
    with TemporaryDirectory() as temporary:
        serial = small_project(Path(temporary, "serial"))
        if steps is not None:
            write_params(serial, lambda params: params["plan"]["budget"].update(steps=steps))
        # The data set is one chain of stages, which nothing can speed up: it is there before.
        run(serial, *DVC, "repro", "prepare")
        parallel = Path(temporary, "parallel")
        shutil.copytree(serial, parallel, symlinks=True)
        one_by_one = once(lambda: run(serial, *DVC, "repro"))
        two_at_once = once(lambda: run(parallel, sys.executable, "-m", "flowshot.cli.main", "run", "--jobs", "2"))
    return {
        "times faster": one_by_one / two_at_once,
        "seconds of dvc repro": one_by_one,
        "seconds with --jobs 2": two_at_once,
    }
