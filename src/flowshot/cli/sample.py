"""`flowshot sample`: clips from a trained arm, as FLAC files."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.arms import (
    LoadedArm,
    add_arm,
    add_output_folder,
    drawn_as,
    load_arm,
    require_replaceable,
    write_clips,
)
from flowshot.cli.base import Commands, Outcome, add_command, positive
from flowshot.cli.terminal import working
from flowshot.core.params import read_params
from flowshot.generation.config import SampleConfig

if TYPE_CHECKING:
    import numpy as np
    import torch

AT_ONCE = 1000  # clips held in memory


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Draw clips from a trained arm and write them as FLAC."
    examples = (
        "flowshot sample synth/nf_prior/own --n 32 --seed 1 --out drawn",
        "flowshot sample synth/nf_both/nf --model-seed 1 --out drawn --force",
        "flowshot sample synth/drumgan --attribute brightness=0.8 --out bright",
    )
    parser = add_command(commands, "sample", description, examples, run)
    add_arm(parser)
    parser.add_argument("--n", type=positive, default=16, metavar="N", help="how many clips (%(default)s)")
    help_text = "an attribute of all clips, from 0 to 1, e.g. brightness=0.8; may be repeated"
    parser.add_argument(
        "--attribute", action="append", default=[], type=attribute, metavar="NAME=VALUE", help=help_text
    )
    add_output_folder(parser)


def attribute(text: str) -> tuple[str, float]:
    """The parts of NAME=VALUE."""
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE, e.g. brightness=0.8") from None
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: an attribute lies between 0 and 1")
    return name, number


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, draw and write, whole or not at all."""
    out = Path(arguments.out).expanduser().resolve()
    require_replaceable(out, arguments.force)
    params = read_params()
    batch_size = params.section("sample", SampleConfig).batch_size
    arm, wanted = load_arm(arguments, params), dict(arguments.attribute)
    arm.require_attributes(wanted)

    # Imported here: numpy takes a while, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator

    # The plan's seed and as many clips give what the plan's table is about.
    generator = torch_generator(arguments.seed, "sample", *drawn_as(arguments.arm))
    clips = draw(arm, arguments.n, batch_size, generator, wanted)
    with working(f"drawing {arguments.n} clips"):
        write_clips(out, clips, arm.card.sample_rate, max(4, len(str(arguments.n - 1))))
    rate, seconds = arm.card.sample_rate, arm.card.clip_samples / arm.card.sample_rate
    report = {
        "arm": arm.name, "model_seed": arm.seed, "seed": arguments.seed, "out": str(out),
        "clips": arguments.n, "sample_rate": rate, "seconds": seconds,
    }  # fmt: skip
    if wanted:
        report["attributes"] = wanted
    return Outcome(report, f"{arguments.n} clips of {seconds:g} s at {rate} Hz in {out}")


def draw(
    arm: LoadedArm, count: int, batch_size: int, generator: "torch.Generator", wanted: Mapping[str, float]
) -> "Iterator[np.ndarray]":
    """`count` clips `[samples]`, drawn in pieces that bound the memory."""
    for first in range(0, count, AT_ONCE):
        yield from arm.sample(min(AT_ONCE, count - first), batch_size, generator, wanted)
