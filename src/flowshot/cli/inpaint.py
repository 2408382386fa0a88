"""`flowshot inpaint`: a part of a sound made anew by a trained arm of the kind `crash`, as FLAC files."""

import argparse

from flowshot.cli.base import Outcome, WrongUse
from flowshot.cli.terminal import working
from flowshot.cli.variations import begin, finish
from flowshot.core.errors import FlowshotError


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm and the sound, make the part anew and write, whole or not at all."""
    if not 0 <= arguments.first < arguments.last:
        raise WrongUse("argument --from: must be at least 0 and below --to")
    out, arm, model, clip, generator = begin(arguments, "inpaint")
    if arguments.last > clip.seconds:
        raise FlowshotError(
            f"{arguments.file}: has {clip.seconds:.3g} s of sound, but --to is {arguments.last:g}; lower it"
        )
    import torch  # loaded by now

    first, last = (round(seconds * arm.card.sample_rate) for seconds in (arguments.first, arguments.last))
    with working(f"inpainting {arguments.file}"), torch.no_grad():
        made = model.inpaint(torch.from_numpy(clip.samples), first, last, arguments.n, generator)
    what = f"of {arguments.file} with {arguments.first:g} to {arguments.last:g} s replaced"
    return finish(arguments, out, arm, made, what, **{"from": arguments.first, "to": arguments.last})
