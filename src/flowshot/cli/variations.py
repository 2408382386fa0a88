"""`flowshot variations`: sounds near a given one, by a trained arm of the kind `crash`, as FLAC files."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.cli.arms import load_arm, replaceable, write_clips
from flowshot.cli.base import Outcome, WrongUse
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError

if TYPE_CHECKING:
    import torch

    from flowshot.api.arm import Arm
    from flowshot.models.generators.crash.model import Crash
    from flowshot.preparation.cutting import Clip


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm and the sound, vary it and write, whole or not at all."""
    if not 0 < arguments.level <= 1:
        raise WrongUse("argument --level: must be above 0, and 1 at most")
    out, arm, model, clip, generator = begin(arguments, "vary")
    import torch  # loaded by now

    with working(f"varying {arguments.file}"), torch.no_grad():
        made = model.vary(torch.from_numpy(clip.samples), arguments.level, arguments.n, generator)
    return finish(arguments, out, arm, made, f"near {arguments.file}", level=arguments.level)


def begin(arguments: argparse.Namespace, verb: str) -> "tuple[Path, Arm, Crash, Clip, torch.Generator]":
    """Where to write, the arm, its model, the sound and the draws; raises FlowshotError where one of them is none."""
    out = replaceable(arguments.out, arguments.force)
    arm = load_arm(arguments)

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator
    from flowshot.models.generators.crash.model import Crash

    if not isinstance(arm.model, Crash):
        kind = f"{arm.name}: is of the kind {arm.card.kind}"
        raise FlowshotError(f"{kind}, which cannot {verb} a sound; name an arm of the kind crash")
    clip = arm.read_clip(Path(arguments.file))
    return out, arm, arm.model, clip, torch_generator(arguments.seed, verb, *arguments.arm)


def finish(
    arguments: argparse.Namespace, out: Path, arm: "Arm", made: "torch.Tensor", what: str, **facts: Any
) -> Outcome:
    """Write the clips that were `made: [n, samples]`, and say so."""
    write_clips(out, made.numpy(), arm.card.sample_rate, max(4, len(str(arguments.n - 1))))
    report = {
        "arm": arm.name, "model_seed": arm.seed, "file": arguments.file, "seed": arguments.seed, "out": str(out),
        "clips": arguments.n, "sample_rate": arm.card.sample_rate,
        "seconds": arm.card.clip_samples / arm.card.sample_rate, **facts,
    }  # fmt: skip
    return Outcome(report, f"{arguments.n} clips {what} in {out}")
