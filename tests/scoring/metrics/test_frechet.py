import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from flowshot.scoring.metrics.frechet import frechet_distance


def by_matrix_square_root(x: np.ndarray, y: np.ndarray) -> float:
    """The distance as packages compute it: the square root of a product of covariances."""
    covariance_x, covariance_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    difference = x.mean(axis=0) - y.mean(axis=0)
    root = sqrtm((covariance_x @ covariance_y).astype(complex))
    return float(difference @ difference + np.trace(covariance_x) + np.trace(covariance_y) - 2 * np.trace(root).real)


def correlated(generator: np.random.Generator, n: int, d: int) -> np.ndarray:
    return generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) / np.sqrt(d) + generator.normal(size=d)


@pytest.mark.parametrize("case", range(20))
def test_agrees_with_the_matrix_square_root_for_any_n_and_d(case: int) -> None:
    generator = np.random.default_rng(case)
    d = int(generator.integers(2, 64))
    n, m = generator.integers(2, 3 * d + 4, size=2)
    if case % 2:  # fewer clips than dimensions
        n, m = generator.integers(2, d + 2, size=2)
    x, y = correlated(generator, n, d), correlated(generator, m, d)
    assert frechet_distance(x, y) == pytest.approx(by_matrix_square_root(x, y), rel=1e-6)


def test_large_samples_of_gaussians_approach_their_distance() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(200_000, 4)) * [1, 2, 3, 4] + [1, 0, 0, 0]
    y = generator.normal(size=(200_000, 4)) * [4, 3, 2, 1]
    assert frechet_distance(x, y) == pytest.approx(1 + 9 + 1 + 1 + 9, rel=0.01)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 20), m=st.integers(2, 20), d=st.integers(1, 12))
def test_is_symmetric_not_negative_and_blind_to_rotation_and_shift(seed: int, n: int, m: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = correlated(generator, n, d), correlated(generator, m, d)
    distance = frechet_distance(x, y)
    rotation = np.linalg.qr(generator.normal(size=(d, d)))[0]
    scale = np.square(x).mean() * d + np.square(y).mean() * d
    assert distance >= 0
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-9, abs=1e-9 * scale)
    assert frechet_distance(x @ rotation + 3, y @ rotation + 3) == pytest.approx(distance, rel=1e-8, abs=1e-8 * scale)
    assert frechet_distance(x, generator.permutation(x)) == pytest.approx(0, abs=1e-8 * scale)


def test_a_constant_set_has_the_distance_of_its_mean_and_the_other_spread() -> None:
    y = np.random.default_rng(3).normal(size=(50, 5))
    truth = np.square(y.mean(axis=0)).sum() + np.trace(np.cov(y, rowvar=False))
    assert frechet_distance(np.zeros((50, 5)), y) == pytest.approx(truth)
    assert frechet_distance(np.ones((4, 5)), np.ones((4, 5))) == 0
