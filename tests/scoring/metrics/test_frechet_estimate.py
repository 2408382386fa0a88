import numpy as np
import pytest

from flowshot.scoring.metrics.frechet import frechet_distance, frechet_influence
from flowshot.scoring.metrics.frechet_estimate import estimate_frechet
from flowshot.scoring.metrics.sources import source_influence


def labels(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def weighted_distance(x: np.ndarray, y: np.ndarray, w: np.ndarray, v: np.ndarray) -> float:
    """The distance of weighted sets, with the denominators n - 1 of the unweighted ones."""

    def factor(clips: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights = weights / weights.sum()
        mean = weights @ clips
        return mean, np.sqrt(weights * len(clips) / (len(clips) - 1))[:, None] * (clips - mean)

    (mean_x, a), (mean_y, b) = factor(x, w), factor(y, v)
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(np.square(mean_x - mean_y).sum() + np.square(a).sum() + np.square(b).sum() - 2 * overlap)


@pytest.mark.parametrize(("n", "m", "d"), [(30, 20, 5), (12, 9, 12), (9, 14, 6)])
def test_influences_are_derivatives_by_the_weights_of_clips(n: int, m: int, d: int) -> None:
    generator = np.random.default_rng(0)
    x, y = 1.3 * generator.normal(size=(n, d)) + 0.2, generator.normal(size=(m, d))
    (value, found_x, found_y), step = frechet_influence(x, y), 1e-5
    assert value == pytest.approx(frechet_distance(x, y), rel=1e-12)
    for i in range(n):
        up, down = (weighted_distance(x, y, 1 + sign * step * np.eye(n)[i], np.ones(m)) for sign in (1, -1))
        assert found_x[i] == pytest.approx(n * (up - down) / (2 * step), abs=1e-4 * np.abs(found_x).max())
    for i in range(m):
        up, down = (weighted_distance(x, y, np.ones(n), 1 + sign * step * np.eye(m)[i]) for sign in (1, -1))
        assert found_y[i] == pytest.approx(m * (up - down) / (2 * step), abs=1e-4 * np.abs(found_y).max())


def test_influences_with_fewer_clips_than_dimensions_predict_what_a_lost_clip_changes() -> None:
    generator = np.random.default_rng(1)
    deviations = np.arange(1, 201.0) ** -0.5
    x, y = 1.3 * generator.normal(size=(60, 200)) * deviations + 0.2, generator.normal(size=(60, 200)) * deviations
    _, found_x, _ = frechet_influence(x, y)
    lost = np.array([frechet_distance(np.delete(x, i, axis=0), y) for i in range(60)])
    assert np.corrcoef(found_x, -lost)[0, 1] > 0.95


def test_clips_of_one_source_move_the_distance_together() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(40, 3)) + 1, generator.normal(size=(50, 3))
    once, doubled = frechet_influence(x, y), frechet_influence(np.repeat(x, 2, axis=0), y)
    alone = source_influence(*once[1:], labels("x", 40), labels("y", 50))
    together = source_influence(*doubled[1:], np.repeat(labels("x", 40), 2).tolist(), labels("y", 50))
    assert alone is not None and together is not None
    assert together.variance == pytest.approx(alone.variance, rel=0.05)


def test_a_variance_that_few_sources_make_has_few_degrees_of_freedom() -> None:
    generator = np.random.default_rng(8)
    even, heavy = generator.normal(size=(2, 400)), generator.normal(size=(2, 400)) ** 3
    found = [source_influence(*each, labels("x", 400), labels("y", 400)) for each in (even, heavy)]
    assert found[0] is not None and found[1] is not None
    assert found[0].freedom == pytest.approx(798, rel=0.25)
    assert 1 <= found[1].freedom < 150


def test_a_source_in_both_sets_moves_the_distance_once() -> None:
    generator = np.random.default_rng(3)
    y = generator.normal(size=(60, 3))
    x = y + 0.5 + 0.01 * generator.normal(size=y.shape)
    _, *found = frechet_influence(x, y)
    shared = source_influence(*found, labels("a", 60), labels("a", 60))
    apart = source_influence(*found, labels("x", 60), labels("y", 60))
    assert shared is not None and apart is not None
    assert shared.variance < 0.01 * apart.variance


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_intervals_contain_the_expectation_at_this_n_and_are_not_wide(shift: float) -> None:
    generator = np.random.default_rng(11)
    deviations = np.arange(1, 25.0) ** -0.5
    found = []
    for _ in range(150):
        x = generator.normal(size=(60, 24)) * deviations + shift * deviations
        y = generator.normal(size=(60, 24)) * deviations
        found.append(estimate_frechet(x, y, labels("x", 60), labels("y", 60), 4, 0.95, generator))
    values, ends = np.array([each.value for each in found]), np.array([each.interval for each in found])
    covered = (ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])
    assert 0.89 <= covered.mean() <= 0.99
    assert 0.8 < np.median(ends[:, 1] - ends[:, 0]) / (2 * 1.96 * np.std(values)) < 1.25


def test_the_limit_is_nearer_to_the_truth_than_the_distance_in_nearly_every_draw() -> None:
    generator = np.random.default_rng(5)
    deviations = np.arange(1, 33.0) ** -0.25
    truth = np.square(0.1 * deviations).sum() + np.square(0.1 * deviations).sum()
    nearer = 0
    for _ in range(100):
        x = 1.1 * generator.normal(size=(256, 32)) * deviations + 0.1 * deviations
        y = generator.normal(size=(256, 32)) * deviations
        found = estimate_frechet(x, y, labels("x", 256), labels("y", 256), 1, 0.95, generator)
        assert found.infinity is not None
        nearer += abs(found.infinity - truth) < abs(found.value - truth)
    assert nearer >= 95


def test_few_clips_have_a_distance_but_no_limit() -> None:
    generator = np.random.default_rng(6)
    found = estimate_frechet(*generator.normal(size=(2, 3, 4)), labels("x", 3), labels("y", 3), 4, 0.95, generator)
    assert found.infinity is None and found.infinity_interval is None
    assert found.interval is not None and found.interval[0] < found.value < found.interval[1]
    one = estimate_frechet(*generator.normal(size=(2, 8, 4)), ["x"] * 8, labels("y", 8), 4, 0.95, generator)
    assert one.interval is None and one.infinity_interval is None and one.infinity is not None


def test_a_set_against_itself_is_certainly_at_zero() -> None:
    x = np.random.default_rng(7).normal(size=(20, 40))
    found = estimate_frechet(x, x, labels("a", 20), labels("a", 20), 4, 0.95, np.random.default_rng(0))
    assert found.value == pytest.approx(0, abs=1e-9)
    assert found.interval == pytest.approx((0, 0), abs=1e-6)
    assert found.infinity == pytest.approx(0, abs=1e-9)
