import numpy as np
import pytest

from flowshot.scoring.metrics.kernel import kernel_distance
from flowshot.scoring.metrics.paired import Difference, Distance, paired_difference


def distance(candidates: np.ndarray, reference: np.ndarray) -> Distance:
    found = kernel_distance(candidates, reference)
    x, y = found.influence.x, found.influence.y
    of_candidates = len(x) / (len(x) - 1) * float(np.square(x).sum())
    return Distance(found.value, of_candidates, {str(i): v for i, v in enumerate(y)}, found.repeated)


def test_two_arms_of_one_kind_are_found_different_at_the_level_of_the_test() -> None:
    generator = np.random.default_rng(0)
    for shift, seeds, least, most in ((0.0, 1, 0.01, 0.09), (0.6, 1, 0.01, 0.09), (0.6, 3, 0.01, 0.09)):
        p_values = []
        for _ in range(200):
            y = generator.normal(size=(50, 4))
            arms = [[distance(generator.normal(size=(80, 4)) + shift, y) for _ in range(seeds)] for _ in range(2)]
            p_values.append(paired_difference(*arms).p_value)
        assert least <= np.mean(np.array(p_values) <= 0.05) <= most


def test_what_the_reference_does_to_both_cancels() -> None:
    generator = np.random.default_rng(1)
    y = generator.normal(size=(20, 4))
    near, far = (generator.normal(size=(2000, 4)) + shift for shift in (0.5, 0.6))
    found = paired_difference([distance(far, y)], [distance(near, y)])
    alone = kernel_distance(far, y).influence.error[0]
    assert found.value > 0 and found.error < 0.5 * alone


def test_power_is_that_of_the_test_and_equivalence_needs_a_margin() -> None:
    generator = np.random.default_rng(2)
    plan = Difference(0.0, 1.0, 12.0)
    smallest = plan.detectable(0.8, 0.95)
    draws = generator.standard_t(12, size=20000) + smallest
    assert np.mean(np.abs(draws) > 2.179) == pytest.approx(0.8, abs=0.02)
    assert plan.interval(0.95) == pytest.approx((-2.179, 2.179), abs=1e-3)
    assert plan.equivalence(3.0) == pytest.approx(0.0055, abs=5e-4) and plan.equivalence(0.5) > 0.3
    assert Difference(2.5, 1.0, 12.0).equivalence(3.0) > 0.3 and Difference(2.5, 1.0, 12.0).p_value < 0.05
    nothing = Difference(0.0, 0.0, 5.0)
    assert nothing.p_value == 1 and nothing.equivalence(0.1) == 0
