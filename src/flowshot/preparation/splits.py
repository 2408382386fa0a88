"""Split groups into training, validation and test, close to the wanted sizes and balanced over labels."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowshot.clips.prepared import FEWEST_HELD_OUT, SPLITS, Split
from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import SplitConfig


@dataclass(frozen=True)
class Group:
    """Clips that must share a split: how many, and how many of each stratum (label, collection)."""

    name: str
    size: int
    strata: Mapping[Hashable, int]


def split_groups(groups: Sequence[Group], fractions: SplitConfig, generator: np.random.Generator) -> dict[str, Split]:
    """The split of every group, by its name. Raises FlowshotError if there are fewer groups than splits.

    Greedy stratification: from the largest group to the smallest (equal ones in random order), each goes where
    it adds least to the sum of (found - wanted)^2 / wanted over splits, taken over all clips and over each stratum that
    has enough groups. Placing large groups first leaves small ones to even out the sizes.
    """
    if len(groups) < len(SPLITS):
        raise FlowshotError(
            f"only {len(groups)} {'group' if len(groups) == 1 else 'groups'} of clips, but training, "
            f"validation and test need one each; add more files, or change `group` or `cut`"
        )
    share = np.array([fractions.train, fractions.valid, fractions.test])
    sizes: Counter[Hashable] = Counter()
    counts: Counter[Hashable] = Counter()
    for group in groups:
        sizes.update(group.strata)
        counts.update(group.strata.keys())
    # Strata of fewer groups than give the smallest split its share would all go to training.
    wanted = {stratum: size * share for stratum, size in sizes.items() if counts[stratum] >= round(1 / min(share))}
    wanted[None] = sum(group.size for group in groups) * share
    found: dict[Hashable, np.ndarray] = {stratum: np.zeros(len(SPLITS)) for stratum in wanted}
    chosen: dict[str, Split] = {}
    for index in sorted(generator.permutation(len(groups)), key=lambda index: -groups[index].size):
        group = groups[index]
        strata = {None: group.size, **{name: size for name, size in group.strata.items() if name in wanted}}
        # By how much (found - wanted)^2 / wanted grows in each split.
        cost = sum(size * (2 * (found[name] - wanted[name]) + size) / wanted[name] for name, size in strata.items())
        best = int(np.argmin(cost))
        chosen[group.name] = SPLITS[best]
        for name, size in strata.items():
            found[name][best] += size
    # A split that got nothing is given the smallest group of the split that has most groups.
    for split in SPLITS:
        counts = Counter(chosen.values())
        if counts[split] == 0:
            donor = counts.most_common(1)[0][0]
            chosen[min((group.size, group.name) for group in groups if chosen[group.name] == donor)[1]] = split
    return chosen


def files_needed(fractions: SplitConfig) -> int:
    """The smallest number of files, each one clip and group, that gives both held-out splits FEWEST_HELD_OUT."""

    def suffices(count: int) -> bool:
        groups = [Group(str(number), 1, {}) for number in range(count)]
        sizes = Counter(split_groups(groups, fractions, np.random.default_rng(0)).values())
        return min(sizes["valid"], sizes["test"]) >= FEWEST_HELD_OUT

    most = 4 * FEWEST_HELD_OUT * math.ceil(1 / min(fractions.valid, fractions.test))
    return bisect_left(range(most), True, lo=len(SPLITS), key=suffices)
