import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.listening.build import build_test
from flowshot.listening.design import ANCHOR, REAL, make_design


@given(st.integers(1, 5), st.integers(0, 6), st.integers(0, 25), st.integers(0, 99))
def test_every_screen_has_one_of_each_and_every_two_arms_meet_equally_often(count, screens, pairs, seed):
    arms = [f"arm{i}" for i in range(count)]
    design = make_design(arms, dict.fromkeys([*arms, REAL], 30), screens, pairs, np.random.default_rng(seed))
    assert len(design.screens) == screens
    for screen in design.screens:
        assert sorted(design.stimuli[name].system for name in screen) == sorted([*arms, REAL, ANCHOR])
    opponents = list(itertools.combinations(arms if count > 1 else [*arms, REAL], 2))
    met = Counter(frozenset(design.stimuli[name].system for name in pair) for pair in design.pairs)
    if pairs:
        assert len(design.pairs) == max(pairs, len(opponents)) and len(met) == len(opponents)
        assert max(met.values()) - min(met.values()) <= 1
    used = [*itertools.chain(*design.screens, *design.pairs), design.example]
    assert len(used) == len(set(used)) and set(used) == set(design.stimuli)


def test_no_clip_is_heard_twice_before_all_were():
    design = make_design(["a", "b"], {"a": 11, "b": 50, REAL: 50}, 5, 6, np.random.default_rng(0))
    rows = Counter(each.row for each in design.stimuli.values() if each.system == "a")
    assert set(rows.values()) == {1} and len(rows) == 11


def test_the_place_of_a_clip_on_a_screen_does_not_tell_its_system():
    design = make_design(["a", "b"], {"a": 99, "b": 99, REAL: 99}, 400, 400, np.random.default_rng(1))
    places = Counter(
        (place, design.stimuli[name].system) for screen in design.screens for place, name in enumerate(screen)
    )
    assert len(places) == 16 and min(places.values()) > 60
    first = Counter(design.stimuli[pair[0]].system for pair in design.pairs)
    assert min(first["a"], first["b"]) > 150


@pytest.fixture
def sounds():
    generator = np.random.default_rng(0)
    return {name: generator.uniform(-0.5, 0.5, (20, 800)).astype(np.float32) for name in ("x/secret_arm/own", "y", "z")}


def make(sounds, seed=0):
    arms = {name: clips for name, clips in sounds.items() if name != "z"}
    return build_test(arms, sounds["z"], 8000, 2, 3, {"dataset": "x"}, np.random.default_rng(seed))


def test_the_page_names_no_system_and_the_key_names_all(sounds):
    page, key = make(sounds)
    for word in ("secret_arm", '"system"', '"real"', '"anchor"', '"row"'):
        assert (word in page) is False
    assert {each["system"] for each in key["clips"].values()} == {"x/secret_arm/own", "y", REAL, ANCHOR}
    assert all(name in page for name in key["clips"])


def test_the_same_seed_makes_the_same_test_and_another_one_another(sounds):
    assert make(sounds) == make(sounds)
    assert make(sounds)[1]["test"] != make(sounds, seed=1)[1]["test"]
