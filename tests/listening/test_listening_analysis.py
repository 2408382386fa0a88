import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.listening.analysis import (
    bradley_terry,
    crossed_error,
    pigeonhole_weights,
    preference_shares,
    rating_differences,
    rating_means,
    strengths,
)
from flowshot.listening.answers import PREFERENCES, RATINGS, Answers

SETTINGS = 500, 0.95
ARMS = ["a", "b", "c"]


def answers_of(listeners, unfinished, ratings, preferences):
    frames = pd.DataFrame(ratings, columns=RATINGS), pd.DataFrame(preferences, columns=PREFERENCES)
    return Answers(listeners, unfinished, *frames)


def generator(seed=0):
    return np.random.default_rng(seed)


def rated(listeners, screens, seed, *, habit=12, clip=8, noise=5):
    """Ratings whose true means are 60 and 50: listeners have habits, clips their own quality."""
    random = generator(seed)
    habits, quality = random.normal(0, habit, listeners), random.normal(0, clip, (screens, 2))
    ratings = [
        (f"l{i}", j, system, 60 - 10 * k + habits[i] + quality[j, k] + random.normal(0, noise))
        for i in range(listeners)
        for j in range(screens)
        for k, system in enumerate("ab")
    ]
    return answers_of([f"l{i}" for i in range(listeners)], [], ratings, [])


def preferring(chances, listeners=6, rounds=8, seed=0):
    """`chances[first, second]` of preferring the first."""
    random = generator(seed)
    preferences = []
    for i in range(listeners):
        pair = 0
        for (first, second), chance in chances.items():
            for _ in range(rounds):
                won, lost = (first, second) if random.random() < chance else (second, first)
                preferences.append((f"l{i}", pair, won, lost))
                pair += 1
    return answers_of([f"l{i}" for i in range(listeners)], [], [], preferences)


def test_the_mean_is_that_of_all_answers_and_what_was_not_rated_is_left_out():
    answers = answers_of(["x"], [], [("x", 0, "a", 10), ("x", 1, "a", 30), ("x", 0, "b", 50)], [])
    found = rating_means(answers, ARMS, 0.95)
    assert {name: (each.value, each.n) for name, each in found.items()} == {"a": (20, 2), "b": (50, 1)}
    assert (found["a"].ci_low, found["a"].ci_high) == (0, 100)  # of two answers: anything


def test_one_answer_has_no_interval():
    found = rating_means(answers_of(["x"], [], [("x", 0, "a", 10)], []), ARMS, 0.95)
    assert (found["a"].ci_low, found["a"].ci_high) == (None, None)


@pytest.mark.parametrize("listeners", [4, 10])
def test_intervals_hold_the_truth_where_answers_of_a_listener_or_to_a_clip_depend_on_each_other(listeners):
    held = {"mean": 0, "difference": 0, "naive": 0}
    for seed in range(100):
        answers = rated(listeners, 8, seed)
        mean = rating_means(answers, ["a"], 0.95)["a"]
        difference = rating_differences(answers, [("a", "b")], 0.95)["a", "b"]
        held["mean"] += mean.ci_low <= 60 <= mean.ci_high
        held["difference"] += difference.ci_low <= 10 <= difference.ci_high
        scores = answers.ratings.loc[answers.ratings["system"] == "a", "score"]
        held["naive"] += abs(np.mean(scores) - 60) < 1.96 * np.std(scores) / np.sqrt(len(scores))
    assert held["mean"] >= 88 and held["difference"] >= 90 and held["naive"] < held["mean"] - 15


def test_the_error_over_one_kind_of_cluster_is_that_of_its_means():
    """As many answers of each listener, whose items are all different and vary little."""
    values = np.repeat([10.0, 20, 40, 50], 3)
    error, freedom = crossed_error(values, np.repeat(list("abcd"), 3).tolist(), [0] * 12)
    assert error == pytest.approx(np.std([10, 20, 40, 50], ddof=1) / 2) and freedom == 3
    assert crossed_error(np.full(12, 7.0), np.repeat(list("abcd"), 3).tolist(), list(range(12))) == (0, 11)
    assert crossed_error(values[:1], ["a"], [0]) is None


def test_a_difference_is_told_more_closely_than_two_means_because_habits_cancel():
    answers = rated(10, 8, 1, habit=25)
    (means, difference) = (
        rating_means(answers, ["a", "b"], 0.95),
        rating_differences(answers, [("a", "b")], 0.95)["a", "b"],
    )
    assert difference.value == pytest.approx(means["a"].value - means["b"].value)
    assert difference.n == 80
    assert difference.ci_high - difference.ci_low < 0.7 * (means["a"].ci_high - means["a"].ci_low)


def test_a_planted_preference_is_found_and_none_is_not():
    answers = preferring({("a", "b"): 0.8, ("a", "c"): 0.5})
    found = preference_shares(answers, [("a", "b"), ("c", "a"), ("b", "c")], 0.95)
    assert set(found) == {("a", "b"), ("c", "a")}
    assert found["a", "b"].ci_low > 0.5 and found["a", "b"].n == 48
    assert found["c", "a"].ci_low < 0.5 < found["c", "a"].ci_high


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_unanimity_has_an_interval_that_is_not_empty(chance):
    (found,) = preference_shares(preferring({("a", "b"): chance}, 1), [("a", "b")], 0.95).values()
    assert found.value == chance and 0.2 < found.ci_high - found.ci_low < 0.5


def test_strengths_rank_the_arms_and_lie_between_0_and_1():
    found = strengths(preferring({("a", "b"): 0.8, ("b", "c"): 0.8, ("a", "c"): 0.95}), ARMS, 200, 0.95, generator())
    assert found["a"].ci_low > found["b"].value > found["c"].ci_high
    assert all(0 < each.ci_low <= each.value <= each.ci_high < 1 for each in found.values())
    assert found["a"].n == 96
    assert strengths(preferring({("a", "b"): 0.8}), ["a", "b"], 200, 0.95, generator()) == {}


def test_bradley_terry_recovers_strengths_from_the_wins_that_they_expect():
    log_strength = np.array([1.0, 0.2, -0.4, -0.8])
    chance = 1 / (1 + np.exp(log_strength[None] - log_strength[:, None]))
    wins = 1e6 * chance * (1 - np.eye(4))
    np.testing.assert_allclose(bradley_terry(wins), log_strength, atol=1e-4)
    assert np.isfinite(bradley_terry(np.array([[0.0, 5], [0, 0]]))).all()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30), st.integers(0, 99))
def test_an_answer_counts_as_often_as_its_listener_and_its_item_together(places, seed):
    listeners, items = zip(*places, strict=True)
    weights = pigeonhole_weights(listeners, items, 20, generator(seed))
    if len(set(listeners)) == len(set(items)) == 1:
        assert weights is None
        return
    assert weights.shape == (20, len(places)) and (weights == weights.round()).all()
    for row in weights:
        assert row[[places.index(place) for place in places]].tolist() == row.tolist()  # equal places, equal weights


def test_no_answers_give_no_estimates():
    nothing = answers_of(["x"], [], [], [])
    assert rating_means(nothing, ARMS, 0.95) == {}
    assert rating_differences(nothing, [("a", "b")], 0.95) == {}
    assert preference_shares(nothing, [("a", "b")], 0.95) == {}
    assert strengths(nothing, ARMS, *SETTINGS, generator()) == {}
