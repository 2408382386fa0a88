"""`flowshot variations`: sounds near a given one, by a trained arm of the kind `crash`, as FLAC files."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.arms import begin, finish
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
    out, arm, model, clip, generator = loaded(arguments, "vary", "make variations")
    import torch  # loaded by now

    with working(f"varying {arguments.file}"), torch.no_grad():
        made = model.vary(torch.from_numpy(clip.samples), arguments.level, arguments.n, generator)
    facts = {"file": arguments.file, "seed": arguments.seed, "level": arguments.level}
    return finish(out, arm, made.numpy(), arguments.n, f"near {arguments.file}", **facts)


def loaded(arguments: argparse.Namespace, verb: str, noun: str) -> "tuple[Path, Arm, Crash, Clip, torch.Generator]":
    """Where to write, the arm, its model, the sound and the draws; raises FlowshotError where one of them is none."""
    out, arm = begin(arguments)

    # Imported here: see `load_arm`.
    from flowshot.core.randomness import torch_generator
    from flowshot.models.generators.crash.model import Crash

    if not isinstance(arm.model, Crash):
        kind = f"{arm.name}: its model is of kind `{arm.card.kind}`"
        raise FlowshotError(f"{kind}, which cannot {noun}; use an arm of kind `crash`")
    clip = arm.read_clip(Path(arguments.file))
    return out, arm, arm.model, clip, torch_generator(arguments.seed, verb, *arguments.arm)
