"""The arm that a sub-command is given: how it is named, which training of it is meant, and how it is loaded."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, writing

if TYPE_CHECKING:
    import numpy as np

    from flowshot.api.arm import Arm


def replaceable(folder: str, force: bool) -> Path:
    """`folder` as a whole path, if it is missing, an empty folder, or with `force` a folder that may be replaced.

    Raises FlowshotError otherwise.
    """
    out = Path(folder).expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise FlowshotError(f"{out}: is not a folder; choose another --out")
    if Path.cwd().is_relative_to(out):
        raise FlowshotError(f"{out}: is the current folder, or contains it; choose another --out")
    if out.exists() and not force and any(out.iterdir()):
        raise FlowshotError(f"{out}: is not empty; choose another --out, or replace all of its contents with --force")
    return out


def begin(arguments: argparse.Namespace) -> "tuple[Path, Arm]":
    """Where clips are to be written, and the arm that makes them."""
    return replaceable(arguments.out, arguments.force), load_arm(arguments.arm, arguments.model_seed)


def finish(
    out: Path, arm: "Arm", clips: "Iterable[np.ndarray]", count: int, what: str, digits: int = 4, **facts: Any
) -> Outcome:
    """Write `count` clips as `0000.flac` and so on, whole or not at all, and say so.

    Raises:
        FlowshotError: a clip is not finite, or the folder cannot be written.
    """
    import numpy as np

    from flowshot.clips.flac import write_flac

    digits = max(digits, len(str(count - 1)))
    with writing(out), whole_folder(out) as folder:
        for index, clip in enumerate(clips):
            if not np.isfinite(clip).all():
                raise FlowshotError("the model outputs NaN or infinity, so its training failed; train it again")
            write_flac(folder / f"{index:0{digits}d}.flac", clip, arm.sample_rate)
    report = {
        "arm": arm.name, "model_seed": arm.seed, "out": str(out), "clips": count, "sample_rate": arm.sample_rate,
        "seconds": arm.clip_samples / arm.sample_rate, **facts,
    }  # fmt: skip
    return Outcome(report, f"{count} clips {what} in {out}")


def load_arm(names: tuple[str, str, str], model_seed: int | None) -> "Arm":
    """The arm that `ARM` and `--model-seed` name, on as many threads as there are cores."""
    with working(f"loading {'/'.join(names)}"):
        # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
        from flowshot.api.load import project_arm
        from flowshot.core.process import prepare_threads, workers

        prepare_threads(workers())
        return project_arm(names, model_seed)
