"""`flowshot transfer`: the timbre of one sound and the structure of another, by an arm of the prior after, as FLAC."""

import argparse
from pathlib import Path

from flowshot.cli.arms import load_arm, replaceable, write_clips
from flowshot.cli.base import Outcome
from flowshot.core.errors import FlowshotError


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm and both sounds, combine them and write, whole or not at all."""
    out, arm = replaceable(arguments.out, arguments.force), load_arm(arguments)

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    import torch

    from flowshot.core.randomness import torch_generator
    from flowshot.priors.after import AfterPrior

    if not isinstance(arm.prior, AfterPrior):
        raise FlowshotError(f"{arm.name}: cannot tell timbre from structure; name an arm of the prior after")
    sounds = [torch.from_numpy(arm.read_sound(Path(file)))[None] for file in (arguments.timbre, arguments.structure)]
    timbre, structure = (arm.encode(sound).expand(arguments.n, -1) for sound in sounds)
    made = arm.decode(arm.prior.transfer(timbre, structure, torch_generator(arguments.seed, "transfer", *arm.names)))
    write_clips(out, made.numpy(), arm.card.sample_rate, max(4, len(str(arguments.n - 1))))
    report = {
        "arm": arm.name, "model_seed": arm.seed, "timbre": arguments.timbre, "structure": arguments.structure,
        "seed": arguments.seed, "out": str(out), "clips": arguments.n, "sample_rate": arm.card.sample_rate,
    }  # fmt: skip
    what = f"with the timbre of {arguments.timbre} and the structure of {arguments.structure}"
    return Outcome(report, f"{arguments.n} clips {what} in {out}")
