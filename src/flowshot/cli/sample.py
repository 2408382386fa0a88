"""`flowshot sample`: clips from a trained arm, as FLAC files."""

import argparse

from flowshot.cli.arms import load_arm, replaceable, write_clips
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.generation.config import SampleConfig

AT_ONCE = 1000  # clips held in memory


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, draw and write, whole or not at all."""
    out = replaceable(arguments.out, arguments.force)
    params = read_params()
    batch_size = params.section("sample", SampleConfig).batch_size
    arm = load_arm(arguments, params)

    # Imported here: numpy takes a while, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator

    # As the `sample` stage names its draws: the plan's seed and as many clips give what the plan's table is about.
    names = arguments.arm[:2] if arguments.arm[2] == DIRECT else arguments.arm
    generator = torch_generator(arguments.seed, "sample", *names)
    # In pieces that bound the memory.
    sizes = [min(AT_ONCE, arguments.n - first) for first in range(0, arguments.n, AT_ONCE)]
    clips = (clip for size in sizes for clip in arm.sample(size, batch_size, generator))
    with working(f"drawing {arguments.n} clips"):
        write_clips(out, clips, arm.card.sample_rate, max(4, len(str(arguments.n - 1))))
    rate, seconds = arm.card.sample_rate, arm.card.clip_samples / arm.card.sample_rate
    report = {
        "arm": arm.name, "model_seed": arm.seed, "seed": arguments.seed, "out": str(out), "clips": arguments.n,
        "sample_rate": rate, "seconds": seconds,
    }  # fmt: skip
    return Outcome(report, f"{arguments.n} clips of {seconds:g} s at {rate} Hz in {out}")
