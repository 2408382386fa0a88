from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.clips.prepared import SPLITS
from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import SplitConfig
from flowshot.preparation.splits import Group, split_groups


def group(name, size=1, label="a"):
    return Group(name, size, Counter({("label", label): size}))


def split(groups, seed=0, fractions=None):
    return split_groups(groups, fractions or SplitConfig(0.8, 0.1, 0.1), np.random.default_rng(seed))


def sizes_of(groups, chosen):
    sizes = Counter()
    for one in groups:
        sizes[chosen[one.name]] += one.size
    return [sizes[name] for name in SPLITS]


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=3, max_size=60), labels=st.integers(1, 8), seed=st.integers(0, 9))
def test_every_group_gets_one_split_and_no_split_is_empty(sizes, labels, seed):
    groups = [group(str(number), size, number % labels) for number, size in enumerate(sizes)]
    chosen = split(groups, seed)
    assert set(chosen) == {one.name for one in groups}
    assert set(chosen.values()) == set(SPLITS)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 8), min_size=100, max_size=200), labels=st.integers(1, 30))
def test_sizes_are_close_to_those_wanted(sizes, labels):
    groups = [group(str(number), size, number % labels) for number, size in enumerate(sizes)]
    found = np.array(sizes_of(groups, split(groups)))
    # Each of up to 20 strata is split in whole groups, so the sizes can be off by a part of a group in each.
    np.testing.assert_allclose(found / sum(sizes), [0.8, 0.1, 0.1], atol=0.05)


def test_every_label_is_in_every_split_in_its_share():
    groups = [group(f"{label}{number}", 1, label) for label in "abcd" for number in range(50)]
    chosen = split(groups)
    for label in "abcd":
        of_label = Counter(chosen[one.name] for one in groups if one.name.startswith(label))
        assert [of_label[name] for name in SPLITS] == [40, 5, 5]


def test_labels_of_few_groups_do_not_all_go_to_training():
    groups = [group(str(number), 1, f"label {number}") for number in range(100)]
    assert sizes_of(groups, split(groups)) == [80, 10, 10]


def test_the_split_depends_on_the_seed_and_on_nothing_else():
    groups = [group(str(number), 1 + number % 3) for number in range(60)]
    assert split(groups, 1) == split(groups, 1)
    assert split(groups, 1) != split(groups, 2)


def test_other_fractions_are_followed():
    groups = [group(str(number)) for number in range(100)]
    assert sizes_of(groups, split(groups, fractions=SplitConfig(0.5, 0.3, 0.2))) == [50, 30, 20]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_groups_are_one_line(count):
    with pytest.raises(FlowshotError, match=f"only {count} group"):
        split([group(str(number), 100) for number in range(count)])


def test_three_groups_however_unequal_fill_three_splits():
    groups = [group("huge", 1000), group("small", 1), group("smaller", 1)]
    chosen = split(groups)
    assert chosen["huge"] == "train" and set(chosen.values()) == set(SPLITS)
