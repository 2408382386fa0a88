"""Whether asked attributes are found again: rank correlations of clips whose answer is known, and their interval."""

import math

import numpy as np
import pytest

from flowshot.scoring.metrics.control import control_scores, rank_correlation, read_asked, side_effects

RATE = 8000


def tones(hertz):
    """A steady tone of 0.25 s for each frequency."""
    return np.sin(2 * np.pi * np.asarray(hertz)[:, None] * np.arange(RATE // 4) / RATE).astype(np.float32)


def obedience(clips, asked):
    """The rank correlations alone."""
    return [score for score in control_scores(clips, RATE, asked, 0.95) if score.metric == "control"]


def test_ranks_are_compared_and_ties_share_theirs():
    assert rank_correlation(np.array([1, 2, 3, 4.0]), np.array([1, 10, 100, 1000.0])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 2, 3, 4.0]), np.array([4, 3, 2, 1.0])) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 1, 2, 2.0]), np.array([5, 6, 7, 8.0])) == pytest.approx(0.894, abs=1e-3)


def test_a_generator_that_obeys_has_a_correlation_of_1_and_one_that_does_not_has_none():
    asked = np.linspace(0.1, 0.9, 40)
    clips = tones(50 * (RATE / 2 / 50) ** asked)
    (score,) = obedience(clips, {"brightness": asked})
    assert (score.metric, score.embedding, score.n) == ("control", "brightness", 40)
    assert (score.value, score.ci_low) == (pytest.approx(1), None)
    (score,) = obedience(clips, {"brightness": np.r_[asked[1], asked[0], asked[2:]]})
    assert 0.99 < score.ci_low < score.value < score.ci_high < 1
    shuffled = np.random.default_rng(0).permutation(asked)
    (score,) = obedience(clips, {"brightness": shuffled})
    assert score.ci_low < 0 < score.ci_high
    assert score.ci_high - score.ci_low == pytest.approx(2 * math.tanh(2.03 * math.sqrt(1.06 / 37)), abs=0.05)


def test_what_is_the_same_for_all_clips_has_no_score():
    clips = tones(np.full(8, 440.0))
    assert obedience(clips, {"brightness": np.linspace(0, 1, 8), "bass": np.ones(8)}) == []
    assert control_scores(clips, RATE, {}, 0.95) == []


def test_what_was_asked_is_read_from_beside_the_clips(tmp_path):
    assert read_asked(tmp_path) == {}
    (tmp_path / "asked.csv").write_text("brightness,bass\n0.5,0.1\n0.25,0.0\n")
    found = read_asked(tmp_path)
    assert found["brightness"].tolist() == [0.5, 0.25] and found["bass"].tolist() == [0.1, 0.0]


def test_the_error_is_the_mean_distance_with_its_interval():
    asked = np.linspace(0.1, 0.9, 40)
    clips = tones(50 * (RATE / 2 / 50) ** asked)
    shifted = asked + np.where(np.arange(40) % 2, 0.05, 0.15)
    score = control_scores(clips, RATE, {"brightness": shifted}, 0.95)[0]
    assert (score.metric, score.embedding, score.n) == ("control_error", "brightness", 40)
    assert score.value == pytest.approx(0.1, abs=0.01)
    half = 2.02 * 0.05 * math.sqrt(40 / 39) / math.sqrt(40)
    assert (score.ci_low, score.ci_high) == (pytest.approx(0.1 - half, abs=0.01), pytest.approx(0.1 + half, abs=0.01))


def test_a_side_effect_is_what_the_others_do_while_nothing_is_asked_of_them():
    """Of three attributes asked for at random, brightness drags bass along by half; bass drags nothing."""
    draws = np.random.default_rng(0).normal(size=(4000, 3))
    draws[:, 1] += 0.8 * draws[:, 0]  # asked for together, which is no side effect
    asked = dict(zip(("brightness", "noisiness", "bass"), draws.T, strict=True))
    measured = np.zeros((4000, 5))
    for name, place in (("brightness", 0), ("noisiness", 2), ("bass", 4)):
        measured[:, place] = asked[name]
    measured[:, 4] += 0.75 * asked["brightness"]
    found = side_effects(asked, measured)
    assert found == pytest.approx({"brightness": 0.6 / 2**0.5, "noisiness": 0, "bass": 0}, abs=0.02)
    assert side_effects({"bass": draws[:, 2]}, measured) == {}
    measured[:, 2] = 0.3
    assert side_effects(asked, measured) == {}
