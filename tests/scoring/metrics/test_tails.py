import numpy as np
import pytest

from flowshot.scoring.metrics.tails import HEAVY, tail_weight


@pytest.mark.parametrize(("n", "d"), [(2000, 1), (2000, 8), (4000, 1000), (300, 1000)])
def test_gaussian_clips_weigh_one_however_they_are_spread(n: int, d: int) -> None:
    deviations = np.arange(1, d + 1.0) ** -1.0
    clips = 5 + np.random.default_rng(0).normal(size=(n, d)) * deviations
    assert tail_weight(clips) == pytest.approx(1, abs=0.15)
    assert tail_weight(1e-3 * clips) == pytest.approx(tail_weight(clips))


def test_student_tails_weigh_too_much_and_uniform_ones_less() -> None:
    generator = np.random.default_rng(1)
    student = generator.normal(size=(500, 8)) / np.sqrt(generator.chisquare(3, size=(500, 1)) / 3)
    assert tail_weight(student) > HEAVY
    assert tail_weight(generator.uniform(size=(500, 1))) < 0.7


def test_clips_that_are_all_alike_have_no_tails() -> None:
    assert tail_weight(np.full((7, 3), 0.1)) == 1
