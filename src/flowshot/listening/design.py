"""Which clips a listening test plays together: screens to rate and pairs to choose from."""

import itertools
from typing import NamedTuple

import numpy as np

REAL, ANCHOR = "real", "anchor"
ID_DIGITS = 10


class Stimulus(NamedTuple):
    """A clip of the test: the system it is of, an arm or `real` or `anchor`, and its row among that system's clips."""

    system: str
    row: int


class Design(NamedTuple):
    """What is played. Clips are named by identifiers that say nothing; `stimuli` is the key to them.

    `screens` hold one clip of every arm, a real one and an anchor each; `pairs` two clips of different arms.
    `example` is a real clip by which the listener sets the volume.
    """

    stimuli: dict[str, Stimulus]
    screens: list[list[str]]
    pairs: list[list[str]]
    example: str


def make_design(
    arms: list[str], available: dict[str, int], screens: int, pairs: int, generator: np.random.Generator
) -> Design:
    """Draw the clips of each screen and pair. No clip repeats before all clips of its system were used.

    `available` says how many clips of each arm and of `real` there are; anchors are made of real ones. The pairs are
    spread evenly over all pairs of arms; with one arm, over it and real clips.
    """
    rows = {name: itertools.cycle(generator.permutation(count).tolist()) for name, count in available.items()}
    opponents = list(itertools.combinations(arms if len(arms) > 1 else [*arms, REAL], 2))
    meetings = list(itertools.islice(itertools.cycle(opponents), max(pairs, len(opponents)) if pairs else 0))
    played = [(*arms, REAL, ANCHOR)] * screens + meetings + [(REAL,)]
    groups = [[Stimulus(one, next(rows[REAL if one == ANCHOR else one])) for one in group] for group in played]
    names = _identifiers(sum(map(len, groups)), generator)
    stimuli = dict(zip(names, itertools.chain(*groups), strict=True))
    named = iter(names)
    *asked, (example,) = ([next(named) for _ in group] for group in groups)
    # Shuffled: the place of a clip in the page's source must not tell its system.
    asked = [generator.permutation(group).tolist() for group in asked]
    return Design(stimuli, asked[:screens], generator.permutation(asked[screens:]).tolist(), example)


def _identifiers(count: int, generator: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{int(generator.integers(16**ID_DIGITS)):0{ID_DIGITS}x}"] = None
    return list(found)
