"""Which clips a listening test plays together: screens to rate and pairs to choose from."""

import itertools
from typing import Any, NamedTuple

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
    """Draw the clips of each screen and pair. No clip is heard twice before all of its system were.

    Args:
        arms: the systems that are compared.
        available: how many clips of each arm and of `real` there are; anchors are made of real ones.
        screens: how many screens are rated.
        pairs: how many pairs are compared, spread evenly over all pairs of arms; with one arm, over it and real clips.
        generator: of every draw.
    """
    rows = {name: itertools.cycle(generator.permutation(count).tolist()) for name, count in available.items()}

    def stimulus(system: str) -> Stimulus:
        return Stimulus(system, next(rows[REAL if system == ANCHOR else system]))

    rated = [[stimulus(system) for system in (*arms, REAL, ANCHOR)] for _ in range(screens)]
    opponents = list(itertools.combinations(arms if len(arms) > 1 else [*arms, REAL], 2))
    rounds = -(-max(pairs, len(opponents)) // len(opponents)) if pairs else 0
    meetings = (opponents * rounds)[: max(pairs, len(opponents))]
    compared = [(stimulus(first), stimulus(second)) for first, second in meetings]
    example = stimulus(REAL)

    names = iter(_identifiers(sum(map(len, rated)) + 2 * len(compared) + 1, generator))
    stimuli: dict[str, Stimulus] = {}

    def named(each: Stimulus) -> str:
        stimuli[name := next(names)] = each
        return name

    # Shuffled: the place of a clip in the page's source must not tell its system.
    screens_named = [_shuffled([named(each) for each in screen], generator) for screen in rated]
    pairs_named = [_shuffled([named(first), named(second)], generator) for first, second in compared]
    return Design(stimuli, screens_named, _shuffled(pairs_named, generator), named(example))


def _identifiers(count: int, generator: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{int(generator.integers(16**ID_DIGITS)):0{ID_DIGITS}x}"] = None
    return list(found)


def _shuffled(items: list[Any], generator: np.random.Generator) -> list[Any]:
    return [items[place] for place in generator.permutation(len(items))]
