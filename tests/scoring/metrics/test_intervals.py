import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.scoring.metrics.intervals import assign_folds, jackknife_variance, two_sample_jackknife
from flowshot.scoring.metrics.kernel import kernel_distance


def labels(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def mean_difference(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.mean() - y.mean())


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60), st.integers(2, 12), st.integers(0, 99))
def test_no_source_is_split_over_folds_and_none_is_empty(groups: list[int], folds: int, seed: int) -> None:
    fold_of = assign_folds(groups, folds, np.random.default_rng(seed))
    assert set(fold_of) == set(groups)
    assert set(fold_of.values()) == set(range(min(folds, len(set(groups)))))


def test_folds_hold_about_equally_many_clips() -> None:
    groups = [source for source in range(40) for _ in range(1 + source % 4)]
    fold_of = assign_folds(groups, 10, np.random.default_rng(0))
    sizes = np.bincount([fold_of[group] for group in groups])
    assert sizes.max() - sizes.min() <= 1


def test_the_jackknife_of_a_mean_is_its_textbook_variance() -> None:
    values = np.random.default_rng(0).normal(size=20)
    deleted = np.array([np.delete(values, i).mean() for i in range(20)])
    found = jackknife_variance(values.mean(), deleted, np.full(20, 19 / 20))
    assert found == pytest.approx(values.var(ddof=1) / 20)


def test_a_bias_of_order_one_over_n_is_no_variance_however_unequal_the_folds() -> None:
    n, sizes = 100, np.array([5, 10, 15, 20, 50])
    deleted = 3 + 7 / (n - sizes)
    assert jackknife_variance(3 + 7 / n, deleted, 1 - sizes / n) == pytest.approx(0, abs=1e-20)


def test_independent_sets_add_their_variances() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(200, 1)), 3 * generator.normal(size=(200, 1))
    error = two_sample_jackknife(mean_difference, x, y, labels("x", 200), labels("y", 200), 200, generator)
    assert error is not None
    variance_x, variance_y = x.var(ddof=1) / 200, y.var(ddof=1) / 200
    assert error[0] == pytest.approx(np.sqrt(variance_x + variance_y))
    assert error[1] == pytest.approx((variance_x + variance_y) ** 2 * 199 / (variance_x**2 + variance_y**2))


def test_sets_that_share_sources_vary_together() -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=(100, 1))
    y = x + 0.01 * generator.normal(size=(100, 1))
    error = two_sample_jackknife(mean_difference, x, y, labels("a", 100), labels("a", 100), 10, generator)
    assert error is not None
    assert error[0] < 0.003  # the difference varies by 0.001; independent sets would give 0.14
    assert error[1] == pytest.approx(9)


def test_one_source_gives_no_interval() -> None:
    x = np.random.default_rng(3).normal(size=(10, 2))
    groups = ["a"] * 10, labels("b", 10)
    assert two_sample_jackknife(mean_difference, x, x + 1, *groups, 5, np.random.default_rng()) is None
    assert mean_standard_error(x[:, 0], ["a"] * 10) is None


def gaussian_kernel_distance(shift: np.ndarray) -> float:
    """The distance of N(shift, I) from N(0, I): of the moments of each order, weighted as in (x.y / d + 1)^3."""
    d, identity = len(shift), np.eye(len(shift))
    third = np.einsum("i,j,k->ijk", shift, shift, shift)
    for axes in ("i,jk->ijk", "j,ik->ijk", "k,ij->ijk"):
        third += np.einsum(axes, shift, identity)
    differences = (shift, np.outer(shift, shift), third)
    return sum(
        weight * np.square(each).sum() for weight, each in zip((3 / d, 3 / d**2, 1 / d**3), differences, strict=True)
    )


def test_intervals_of_the_kernel_distance_contain_the_distance_of_the_distributions() -> None:
    generator = np.random.default_rng(5)
    truth = gaussian_kernel_distance(np.full(32, 0.2))
    covered = []
    for _ in range(200):
        # Two clips a source, all but equal: as good as one.
        x = np.repeat(generator.normal(size=(40, 32)) + 0.2, 2, axis=0)
        y = generator.normal(size=(80, 32))
        distance = kernel_distance(x, y, [f"x{i // 2}" for i in range(80)], labels("y", 80))
        low, high = student_interval(distance.value, distance.influence.error, 0.95)
        assert low is not None and high is not None
        covered.append(low <= truth <= high)
    assert 0.9 <= np.mean(covered) <= 0.99


def test_pairs_move_the_kernel_distance_together() -> None:
    generator = np.random.default_rng(6)
    y = generator.normal(size=(60, 4))
    x = y + 0.001 * generator.normal(size=y.shape)
    together, apart = kernel_distance(x, y, labels("a", 60), labels("a", 60)), kernel_distance(x, y)
    assert together.influence.variance < 0.01 * apart.influence.variance


def test_influences_of_the_kernel_distance_are_what_a_lost_source_changes() -> None:
    generator = np.random.default_rng(8)
    x, y = generator.normal(size=(60, 3)) + 1, generator.normal(size=(90, 3))
    groups_y = [i // 3 for i in range(90)]
    whole = kernel_distance(x, y, labels("x", 60), groups_y)
    kept = [np.array(groups_y) != source for source in range(30)]
    lost = [kernel_distance(x, y[rows], labels("x", 60), np.array(groups_y)[rows].tolist()).value for rows in kept]
    assert np.corrcoef(whole.influence.y, whole.value - np.array(lost))[0, 1] > 0.99


def test_the_error_of_a_mean_counts_sources_and_not_clips() -> None:
    values = np.random.default_rng(7).normal(size=50)
    alone = mean_standard_error(values, labels("a", 50))
    assert alone == (pytest.approx(values.std(ddof=1) / np.sqrt(50)), 49)
    assert mean_standard_error(np.repeat(values, 3), np.repeat(np.arange(50), 3).tolist()) == pytest.approx(alone)
