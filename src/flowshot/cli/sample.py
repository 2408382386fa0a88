"""`flowshot sample`: clips from a trained arm, as FLAC files."""

import argparse

from flowshot.cli.arms import drawn_as, load_arm, replaceable, write_clips
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.params import read_params
from flowshot.generation.config import SampleConfig

AT_ONCE = 1000  # clips held in memory


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, draw and write, whole or not at all."""
    out = replaceable(arguments.out, arguments.force)
    params = read_params()
    batch_size = params.section("sample", SampleConfig).batch_size
    arm, wanted = load_arm(arguments, params), dict(arguments.attribute)
    arm.require_attributes(wanted)

    # Imported here: numpy takes a while, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator

    # The plan's seed and as many clips give what the plan's table is about.
    generator = torch_generator(arguments.seed, "sample", *drawn_as(arguments.arm))
    # In pieces that bound the memory.
    sizes = [min(AT_ONCE, arguments.n - first) for first in range(0, arguments.n, AT_ONCE)]
    clips = (clip for size in sizes for clip in arm.sample(size, batch_size, generator, wanted))
    with working(f"drawing {arguments.n} clips"):
        write_clips(out, clips, arm.card.sample_rate, max(4, len(str(arguments.n - 1))))
    rate, seconds = arm.card.sample_rate, arm.card.clip_samples / arm.card.sample_rate
    report = {
        "arm": arm.name, "model_seed": arm.seed, "seed": arguments.seed, "out": str(out), "clips": arguments.n,
        "sample_rate": rate, "seconds": seconds,
    }  # fmt: skip
    if wanted:
        report["attributes"] = wanted
    return Outcome(report, f"{arguments.n} clips of {seconds:g} s at {rate} Hz in {out}")
