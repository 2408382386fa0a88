"""`flowshot interpolate`: what lies between two sounds in the latent space of a trained arm, as FLAC files."""

import argparse
from pathlib import Path

from flowshot.cli.arms import begin, finish
from flowshot.cli.base import Outcome, WrongUse


def run(arguments: argparse.Namespace) -> Outcome:
    """Encode the files, or draw two latents, and decode what lies between, whole or not at all."""
    if arguments.steps < 2:
        raise WrongUse("argument --steps: must be at least 2, for both ends")
    if (arguments.first is None) != (arguments.last is None):
        raise WrongUse("argument --from: goes with --to; give both files, or none for two draws of the prior")
    out, arm = begin(arguments)
    model, prior = arm.encoding()

    # Imported here: see `load_arm`.
    from flowshot.core.randomness import torch_generator
    from flowshot.generation.interpolation import interpolate, interpolate_latents

    generator = torch_generator(arguments.seed, "interpolate", *arguments.arm)
    if arguments.first is None:
        between, ends = "two draws of the prior", prior.sample(2, generator)
        latents = interpolate_latents(model.prior, ends[0], ends[1], arguments.steps)
        walk = model.decode(latents, generator).detach().numpy()
    else:
        between = f"{arguments.first} and {arguments.last}"
        first, last = arm.read_sound(Path(arguments.first)), arm.read_sound(Path(arguments.last))
        walk = interpolate(model, first, last, arguments.steps, generator)
    facts = {"from": arguments.first, "to": arguments.last, "seed": arguments.seed, "steps": arguments.steps}
    return finish(out, arm, walk, arguments.steps, f"between {between}", digits=2, **facts)
