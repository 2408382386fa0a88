"""`flowshot inpaint`: a part of a sound made anew by a trained arm of the kind `crash`, as FLAC files."""

import argparse

from flowshot.cli.base import Commands, Outcome, WrongUse, add_command
from flowshot.cli.terminal import working
from flowshot.cli.variations import add_sound, begin, finish
from flowshot.core.errors import FlowshotError


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Make a part of a sound anew by a diffusion model, to fit the rest, and write FLAC."
    examples = ("flowshot inpaint synth/crash kick.wav --from 0.05 --to 0.1 --n 4 --out mended",)
    parser = add_command(commands, "inpaint", description, examples, run)
    add_sound(parser)
    for name, place, said in (("--from", "first", "where the part begins"), ("--to", "last", "where it ends")):
        help_text = f"{said}, in seconds of the sound"
        parser.add_argument(name, dest=place, type=float, required=True, metavar="S", help=help_text)


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
    what = f"of {arguments.file} with {arguments.first:g} to {arguments.last:g} s made anew"
    return finish(arguments, out, arm, made, what, **{"from": arguments.first, "to": arguments.last})
