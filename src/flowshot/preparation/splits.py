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
    """The split of every group, by its name.

    Greedy stratification: from the largest group to the smallest (equal ones in random order), each goes where
    it adds least to the sum of (found - wanted)^2 / wanted over splits, taken over all clips and over each stratum that
    has enough groups. Placing large groups first leaves small ones to even out the sizes.

    Raises:
        FlowshotError: there are fewer groups than splits.
    """
    if len(groups) < len(SPLITS):
        raise FlowshotError(
            f"only {len(groups)} {'group' if len(groups) == 1 else 'groups'} of clips that may be separated, but "
            f"training, validation and test need one each; add more files, or change `group` or `cut`"
        )
    share = np.array([fractions.train, fractions.valid, fractions.test])
    total = sum(group.size for group in groups)
    of_stratum = _large_strata(groups, round(1 / min(share)))
    found = np.zeros(len(SPLITS))
    found_in: dict[Hashable, np.ndarray] = {stratum: np.zeros(len(SPLITS)) for stratum in of_stratum}
    chosen: dict[str, Split] = {}
    for index in sorted(generator.permutation(len(groups)), key=lambda index: -groups[index].size):
        group = groups[index]
        cost = _added_cost(group.size, found, total * share)
        strata = {stratum: count for stratum, count in group.strata.items() if stratum in of_stratum}
        for stratum, count in strata.items():
            cost = cost + _added_cost(count, found_in[stratum], of_stratum[stratum] * share)
        best = int(cost.argmin())
        chosen[group.name] = SPLITS[best]
        found[best] += group.size
        for stratum, count in strata.items():
            found_in[stratum][best] += count
    # A split that got nothing is given the smallest group of the split that has most groups.
    for split in SPLITS:
        counts = Counter(chosen.values())
        if counts[split] == 0:
            donor = counts.most_common(1)[0][0]
            chosen[min((group.size, group.name) for group in groups if chosen[group.name] == donor)[1]] = split
    return chosen


def files_needed(fractions: SplitConfig) -> int:
    """The least number of files, each a clip and a group of its own, that give both held-out splits FEWEST_HELD_OUT."""

    def suffices(count: int) -> bool:
        groups = [Group(str(number), 1, {}) for number in range(count)]
        sizes = Counter(split_groups(groups, fractions, np.random.default_rng(0)).values())
        return min(sizes["valid"], sizes["test"]) >= FEWEST_HELD_OUT

    most = 4 * FEWEST_HELD_OUT * math.ceil(1 / min(fractions.valid, fractions.test))
    return bisect_left(range(most), True, lo=len(SPLITS), key=suffices)


def _large_strata(groups: Sequence[Group], minimum_groups: int) -> dict[Hashable, int]:
    """The sizes of strata with enough groups to give the smallest split its share; others would all go to training."""
    sizes: Counter[Hashable] = Counter()
    counts: Counter[Hashable] = Counter()
    for group in groups:
        sizes.update(group.strata)
        counts.update(group.strata.keys())
    return {stratum: size for stratum, size in sizes.items() if counts[stratum] >= minimum_groups}


def _added_cost(size: int, found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How much (found - wanted)^2 / wanted grows in each split when `size` clips go there."""
    return size * (2 * (found - wanted) + size) / wanted
