import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.scoring.metrics.kernel import kernel_distance


def by_double_loop(x: np.ndarray, y: np.ndarray, groups_x: list, groups_y: list) -> float:
    def mean(a: np.ndarray, b: np.ndarray, groups_a: list, groups_b: list) -> float:
        pairs = itertools.product(zip(a, groups_a, strict=True), zip(b, groups_b, strict=True))
        return float(np.mean([(np.dot(u, v) / len(u) + 1) ** 3 for (u, g), (v, h) in pairs if g != h]))

    within = mean(x, x, groups_x, groups_x) + mean(y, y, groups_y, groups_y)
    return within - 2 * mean(x, y, groups_x, groups_y)


def test_equals_a_loop_over_all_pairs_of_clips() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(13, 5)), generator.normal(size=(9, 5)) + 0.3
    assert kernel_distance(x, y).value == pytest.approx(
        by_double_loop(x, y, list(range(13)), list(range(100, 109))), rel=1e-12
    )


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    groups_x=st.lists(st.integers(0, 5), min_size=3, max_size=12),
    groups_y=st.lists(st.integers(3, 8), min_size=3, max_size=12),
)
def test_pairs_that_share_a_source_do_not_count(seed: int, groups_x: list[int], groups_y: list[int]) -> None:
    groups_x, groups_y = [*groups_x, 0, 1], [*groups_y, 7, 8]  # at least two sources in each
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(len(groups_x), 4)), generator.normal(size=(len(groups_y), 4))
    found = kernel_distance(x, y, groups_x, groups_y).value
    assert found == pytest.approx(by_double_loop(x, y, groups_x, groups_y), rel=1e-9, abs=1e-9)


def test_its_mean_over_many_small_samples_is_the_distance_of_the_distributions() -> None:
    generator = np.random.default_rng(1)
    # For x ~ N(m, I), in one dimension: E[(x x' + 1)^3] = 1 + 3 E[x]^2 + 3 E[x^2]^2 + E[x^3]^2, and so between x and y.
    shift = 0.5

    def moments(m: float) -> np.ndarray:
        return np.array([1, m, m**2 + 1, m**3 + 3 * m])

    weights = np.array([1, 3, 3, 1])
    truth = (weights * np.square(moments(0) - moments(shift))).sum()
    draws = generator.normal(size=(2_000, 2, 5, 1))
    values = [kernel_distance(x, y + shift).value for x, y in draws]
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(len(values))


def test_a_set_against_itself_is_exactly_zero_once_sources_are_known() -> None:
    x = np.random.default_rng(2).normal(size=(10, 6))
    groups = [f"clip {i}" for i in range(10)]
    assert kernel_distance(x, x, groups, groups).value == pytest.approx(0, abs=1e-12)


def test_constant_sets_have_a_finite_distance() -> None:
    assert kernel_distance(np.zeros((4, 3)), np.zeros((4, 3))).value == 0
    assert kernel_distance(np.ones((4, 3)), np.zeros((4, 3))).value == pytest.approx(8 + 1 - 2)
