"""`flowshot sample`: clips from a trained arm, as FLAC files."""

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flowshot.cli.arms import begin, finish
from flowshot.cli.base import Outcome, WrongUse
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params

if TYPE_CHECKING:
    import numpy as np

    from flowshot.api.arm import Arm

AT_ONCE = 1000  # clips held in memory
COPY_QUANTILE = 0.05  # of the distances of real clips to training clips: what lies nearer counts as a copy
DRAWS_A_CLIP = 20  # after as many draws for each clip that is wanted, an arm is said to copy


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, draw and write, whole or not at all."""
    if arguments.near and arguments.label:
        raise WrongUse("argument --near: a sound has no other label; leave --label out")
    if arguments.near and arguments.attribute:
        raise WrongUse("argument --near: a sound has its own attributes; `flowshot edit` moves them")
    (out, arm), wanted = begin(arguments), dict(arguments.attribute)
    arm.require_attributes(wanted)
    sampler = arm.sampler(arguments.temperature, arguments.near, arguments.label, wanted)
    generator = arm.generator(arguments.seed)

    def draw(count: int) -> "np.ndarray":
        return arm.draw(count, generator, sampler, wanted)

    clips = without_copies(arm, arguments.n, draw) if arguments.no_copies else in_pieces(arguments.n, draw)
    facts = {name: getattr(arguments, name) for name in ("seed", "temperature", "near", "label", "no_copies")}
    facts |= {"attributes": wanted} if wanted else {}
    what = f"of {arm.clip_samples / arm.sample_rate:g} s at {arm.sample_rate} Hz"
    with working(f"drawing {arguments.n} clips"):
        return finish(out, arm, clips, arguments.n, what, **facts)


def in_pieces(count: int, draw: "Callable[[int], np.ndarray]") -> "Iterator[np.ndarray]":
    """`count` clips `[samples]`, in pieces that bound the memory."""
    for first in range(0, count, AT_ONCE):
        yield from draw(min(AT_ONCE, count - first))


def without_copies(arm: "Arm", count: int, draw: "Callable[[int], np.ndarray]") -> "Iterator[np.ndarray]":
    """`count` clips that lie farther from every training clip than 1 in 20 of the real validation clips does.

    The distance is that of the embedding `logmel`.

    Raises:
        FlowshotError: too few of the clips that the arm draws are that far.
    """
    import numpy as np

    from flowshot.clips.prepared import PREPARED, read_prepared
    from flowshot.scoring.config import PolicyConfig
    from flowshot.scoring.embeddings.registry import embedder
    from flowshot.scoring.metrics.neighbours import distances

    prepared = read_prepared(arm.project / PREPARED / arm.names[0])
    embed = embedder("logmel", read_params().section("score.policy", PolicyConfig)).embed
    training = embed(np.asarray(prepared.clips("train")), prepared.sample_rate)

    def nearest(clips: np.ndarray) -> np.ndarray:
        return distances(embed(clips, prepared.sample_rate), training).min(axis=1)

    least = float(np.quantile(nearest(np.asarray(prepared.clips("valid"))), COPY_QUANTILE))
    found = drawn = 0
    while found < count:
        if drawn >= DRAWS_A_CLIP * count:
            raise FlowshotError(
                f"{arm.name}: only {found} of {drawn} clips are not copies of training clips; leave out --no-copies"
            )
        clips = draw(min(AT_ONCE, count))
        drawn += len(clips)
        fresh = clips[nearest(clips) > least][: count - found]
        found += len(fresh)
        yield from fresh
