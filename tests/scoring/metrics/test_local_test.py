import numpy as np
import pytest

from flowshot.scoring.metrics.kernel import gaussian_kernel, kernel_distance, median_distance
from flowshot.scoring.metrics.local_test import local_difference
from flowshot.scoring.metrics.null_test import null_p_value


def sounds(generator: np.random.Generator, n: int, classes: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Clips of classes that are as frequent, and the class of each."""
    centres = 4 * np.random.default_rng(0).normal(size=(classes, 6))
    drawn = generator.integers(0, classes, n)
    return centres[drawn] + generator.normal(size=(n, 6)), drawn


@pytest.mark.parametrize(("n", "m"), [(60, 60), (30, 90)])
def test_two_draws_of_one_distribution_are_rejected_at_the_level_of_the_test(n: int, m: int) -> None:
    generator = np.random.default_rng(1)
    p_values = [
        local_difference(sounds(generator, n)[0], sounds(generator, m)[0], 99, generator).p_value for _ in range(400)
    ]
    assert 0.025 <= np.mean(np.array(p_values) <= 0.05) <= 0.08


def test_one_missing_class_of_twenty_is_found_where_the_mean_over_all_sounds_hides_it() -> None:
    generator, found, hidden = np.random.default_rng(2), [], []
    for _ in range(10):
        (x, drawn), (y, of_y) = sounds(generator, 800), sounds(generator, 800)
        x = x[drawn != 7]
        difference = local_difference(x, y, 99, generator)
        found.append(difference.p_value)
        assert difference.row >= len(x) and of_y[difference.row - len(x)] == 7
        assert difference.share_y > difference.share_x + 0.02
        kernel = gaussian_kernel(median_distance(y))
        hidden.append(null_p_value(kernel_distance(x, y, kernel=kernel), 99, generator))
    assert max(found) <= 0.05 < max(hidden)


def test_the_order_of_the_sets_decides_nothing_but_whose_share_is_whose() -> None:
    generator = np.random.default_rng(3)
    x, y = sounds(generator, 50)[0], sounds(generator, 70)[0]
    one, other = local_difference(x, y, 9, generator), local_difference(y, x, 9, generator)
    assert one.row == (other.row - 70) % 120
    assert (one.share_x, one.share_y) == pytest.approx((other.share_y, other.share_x))


def test_sets_of_equal_clips_differ_where_their_clips_do() -> None:
    generator = np.random.default_rng(4)
    alike, other = np.zeros((9, 3)), np.ones((9, 3))
    assert local_difference(alike, alike, 99, generator).p_value == 1
    assert local_difference(alike, other, 99, generator).p_value == 0.01
