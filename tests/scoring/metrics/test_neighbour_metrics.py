import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.neighbours import (
    Nearest,
    coverage,
    density,
    distances,
    nearest_others,
    nearest_training,
    precision,
    radii,
    recall,
    relative_training_distance,
)


def normal(n: int, seed: int, d: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def of(x: np.ndarray, y: np.ndarray, k: int = 3) -> dict[str, float]:
    between, radii_x, radii_y = distances(x, y), radii(distances(x, x), k), radii(distances(y, y), k)
    return {
        "precision": precision(between, radii_y),
        "recall": recall(between, radii_x),
        "density": density(between, distances(y, y), k),
        "coverage": coverage(between, radii_y),
    }


def test_a_set_against_itself_is_all_real_and_all_there() -> None:
    x = normal(50, 0)
    found = of(x, x)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["density"] == pytest.approx(4 / 3)  # a clip is in its own ball, too


@pytest.mark.parametrize("clips", [normal(90, 0), np.repeat(normal(3, 1), 40, axis=0)])
def test_radii_within_a_part_are_those_of_the_part_alone(clips: np.ndarray) -> None:
    within, part = distances(clips, clips), np.arange(0, len(clips), 3)
    for kept in (part, part[:20], np.arange(len(clips))):
        assert (Nearest(within).radii(kept, 5) == radii(within[np.ix_(kept, kept)], 5)).all()
    with pytest.raises(FlowshotError, match="at least 6 clips"):
        Nearest(within).radii(part[:5], 5)


def test_sets_apart_have_nothing_in_common() -> None:
    assert set(of(normal(50, 0), normal(50, 1) + 100).values()) == {0.0}


def test_recall_and_coverage_see_a_missing_half_and_precision_does_not() -> None:
    y = np.concatenate([normal(100, 0), normal(100, 1) + 20])
    half = of(normal(200, 2), y)
    assert half["precision"] > 0.85
    assert half["recall"] < 0.55 and half["coverage"] < 0.55


def test_one_far_real_clip_inflates_precision_more_than_density() -> None:
    y = np.concatenate([normal(100, 0), np.full((1, 4), 30.0)])
    false = normal(100, 1) + 8
    found = of(false, y)
    assert found["precision"] == 1  # all lie in the ball of the outlier
    assert found["density"] <= 1 / 3 + 0.01


def test_constant_sets_are_covered_by_their_like() -> None:
    assert set(of(np.ones((9, 3)), np.ones((9, 3))).values()) == {1.0, 9 / 8}
    assert set(of(np.zeros((9, 3)), np.ones((9, 3))).values()) == {0.0}


def test_more_neighbours_than_clips_are_refused() -> None:
    with pytest.raises(FlowshotError, match="5 nearest neighbours need at least 6 clips, found 5"):
        radii(distances(normal(5, 0), normal(5, 0)), 5)


@given(seed=st.integers(0, 999), n=st.integers(5, 30), m=st.integers(5, 30), shift=st.floats(0, 5))
def test_proportions_lie_between_none_and_all(seed: int, n: int, m: int, shift: float) -> None:
    found = of(normal(n, seed), normal(m, seed + 1) + shift)
    assert all(0 <= found[name] <= 1 for name in ("precision", "recall", "coverage"))
    assert 0 <= found["density"] <= m / 3


def test_copies_are_told_from_clips_that_are_merely_near() -> None:
    training = normal(200, 0)
    candidates = normal(100, 1)
    candidates[:30] = training[50:80] + 1e-4
    apart = nearest_others(training)
    found = nearest_training(candidates, training, apart)
    assert not found.authentic[:30].any()
    assert found.row[:30].tolist() == list(range(50, 80))
    assert found.distance[:30] == pytest.approx(2e-4, rel=1e-3)
    honest = nearest_training(normal(100, 2), training, apart)
    assert found.authentic[30:].mean() == pytest.approx(honest.authentic.mean(), abs=0.15)


def test_the_distance_from_training_clips_is_one_for_real_clips_and_zero_for_copies() -> None:
    held_out = np.array([1.0, 3.0])
    ratio, x, y = relative_training_distance(np.array([2.0, 2.0, 2.0]), held_out)
    assert ratio == 1 and x == pytest.approx(0) and y == pytest.approx([0.5, -0.5])
    assert relative_training_distance(np.zeros(3), held_out)[0] == 0
    assert np.isnan(relative_training_distance(np.ones(3), np.zeros(2))[0])
