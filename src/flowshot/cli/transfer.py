"""`flowshot transfer`: the timbre of one sound and the structure of another, by an arm of the prior after, as FLAC."""

import argparse
from pathlib import Path

from flowshot.cli.arms import begin, finish
from flowshot.cli.base import Outcome
from flowshot.core.errors import FlowshotError


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm and both sounds, combine them and write, whole or not at all."""
    out, arm = begin(arguments)

    # Imported here: see `load_arm`.
    import torch

    from flowshot.core.randomness import torch_generator
    from flowshot.priors.after import AfterPrior

    if not isinstance(arm.prior, AfterPrior):
        raise FlowshotError(f"{arm.name}: does not separate timbre from structure; use an arm with the prior `after`")
    sounds = [torch.from_numpy(arm.read_sound(Path(file)))[None] for file in (arguments.timbre, arguments.structure)]
    timbre, structure = (arm.encode(sound).expand(arguments.n, -1) for sound in sounds)
    made = arm.decode(arm.prior.transfer(timbre, structure, torch_generator(arguments.seed, "transfer", *arm.names)))
    what = f"with the timbre of {arguments.timbre} and the structure of {arguments.structure}"
    facts = {"timbre": arguments.timbre, "structure": arguments.structure, "seed": arguments.seed}
    return finish(out, arm, made.numpy(), arguments.n, what, **facts)
