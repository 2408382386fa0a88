from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student_t

from flowshot.scoring.metrics import frechet_estimate, kernel
from flowshot.scoring.metrics.frechet_estimate import estimate_frechet
from flowshot.scoring.metrics.kernel import kernel_distance
from flowshot.scoring.metrics.paired import Difference, Distance, averaged, paired_difference


def distance(candidates: np.ndarray, reference: np.ndarray, frechet: bool = False) -> Distance:
    if frechet:
        labels = [[f"{name}{i}" for i in range(len(each))] for name, each in (("x", candidates), ("y", reference))]
        estimate = estimate_frechet(candidates, reference, *labels, 2, 0.95, np.random.default_rng(0))
        value, influence, pairs, least = estimate.value, estimate.influence, estimate.pairs, frechet_estimate.LEAST
    else:
        found = kernel_distance(candidates, reference)
        value, influence, pairs, least = found.value, found.influence, found.pairs, kernel.LEAST
    assert influence is not None
    moved = {str(i): v for i, v in enumerate(influence.y)}
    return Distance(value, influence.candidate_variance, moved, *pairs, least)


@pytest.mark.parametrize(("shift", "seeds", "training"), [(0.0, 1, 0.0), (0.6, 1, 0.0), (0.6, 2, 0.1), (0.6, 5, 0.3)])
def test_two_arms_of_one_kind_are_found_different_at_the_level_of_the_test(
    shift: float, seeds: int, training: float
) -> None:
    """`training`: how far trainings of one kind lie apart."""
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        y = generator.normal(size=(50, 4))
        moved = shift + training * generator.normal(size=(2, seeds, 1, 4))
        arms = [[distance(generator.normal(size=(80, 4)) + by, y) for by in arm] for arm in moved]
        p_values.append(paired_difference(*arms).p_value)
    rejected = np.mean(np.array(p_values) <= 0.05)
    assert 0.02 <= rejected <= 0.09


@pytest.mark.parametrize(("decay", "frechet"), [(0.0, True), (0.0, False), (1.5, False)])
def test_arms_as_good_as_real_clips_are_found_different_no_less_often_than_asked(decay: float, frechet: bool) -> None:
    """Where distances are chance, their variances are as well: a test that trusts them finds a difference in 1 %.

    With `decay`, few directions make most of the distance.
    """
    generator, p_values, deviations = np.random.default_rng(5), [], np.arange(1, 5.0) ** -decay
    for _ in range(400):
        y = deviations * generator.normal(size=(50, 4))
        arms = [[distance(deviations * generator.normal(size=(80, 4)), y, frechet)] for _ in range(2)]
        p_values.append(paired_difference(*arms).p_value)
    assert 0.025 <= np.mean(np.array(p_values) <= 0.05) <= 0.08


@pytest.mark.parametrize("frechet", [False, True])
def test_intervals_of_arms_that_differ_contain_the_true_difference(frechet: bool) -> None:
    """Equally far to opposite sides: which reference was drawn decides which is nearer."""
    generator, found = np.random.default_rng(6), []
    for _ in range(200):
        y = generator.normal(size=(50, 4))
        arms = [[distance(generator.normal(size=(80, 4)) + by, y, frechet)] for by in (0.4, -0.4)]
        found.append(paired_difference(*arms).interval(0.95))
    low, high = np.array(found).T
    assert 0.9 <= np.mean((low < 0) & (high > 0)) <= 0.985


@pytest.mark.parametrize("seeds", [1, 5])
def test_the_mean_of_two_pairs_of_arms_is_found_at_the_level_of_the_test(seeds: int) -> None:
    """Pairs of different kinds, as those of a factorial, whose arms do not differ."""
    generator, p_values = np.random.default_rng(1), []
    for _ in range(200):
        y = generator.normal(size=(50, 4))
        moved = np.array([0.0, 0.8])[:, None, None, None] + 0.3 * generator.normal(size=(2, 2, seeds, 4))
        drawn = [[[distance(generator.normal(size=(60, 4)) + by, y) for by in arm] for arm in pair] for pair in moved]
        sides = [[averaged(each) for each in zip(*side, strict=True)] for side in zip(*drawn, strict=True)]
        p_values.append(paired_difference(*sides).p_value)
    if seeds == 1:  # trainings vary, and one seed does not know by how much
        assert np.mean(np.array(p_values) <= 0.05) > 0.09
    else:
        assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.09


def test_a_mean_of_distances_has_the_variance_of_a_mean() -> None:
    one, other = (
        Distance(2.0, 0.4, {"a": 1.0, "b": 3.0}, 0.2, 0.1, 0.3),
        Distance(4.0, 0.8, {"a": 2.0, "c": 9.0}, 0.0, 0.3, 0.5),
    )
    found = averaged([one, other])
    assert found == Distance(3.0, pytest.approx(0.3), {"a": 1.5}, pytest.approx(0.05), pytest.approx(0.1), 0.4)


@pytest.mark.parametrize("training", [0.0, 1.0, 4.0])
def test_two_seeds_find_equal_arms_different_as_often_as_asked(training: float) -> None:
    """`training`: the variance between trainings, where that over candidates is 1 and that over sources 0.2."""
    generator, sources = np.random.default_rng(0), 50
    moved = {str(i): (-1) ** i * np.sqrt(0.2 / sources) for i in range(sources)}
    p_values = []
    for _ in range(2000):
        common, own = generator.normal() * np.sqrt(0.2), generator.normal(size=2) * np.sqrt(1 + training)
        arm = [Distance(common + value, 0.5, moved) for value in own]
        p_values.append(paired_difference(arm, [Distance(0.0, 0.5, dict.fromkeys(moved, 0.0))] * 2).p_value)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.06 and np.mean(np.array(p_values) < 0.001) <= 0.004


def test_the_variance_is_that_of_other_seeds_and_of_another_reference() -> None:
    """Arms of different kinds, of which each seed and each reference source moves the difference."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(300):
        y = generator.normal(size=(30, 4)) * (2.0, 1.0, 1.0, 1.0)
        moved = np.zeros((2, 3, 1, 4))
        moved[:, :, 0, 0] = ((0.5,), (-0.5,)) + 0.1 * generator.normal(size=(2, 3))
        arms = [[distance(generator.normal(size=(60, 4)) + by, y) for by in arm] for arm in moved]
        found.append(paired_difference(*arms))
    spread = np.std([one.value for one in found])
    assert np.sqrt(np.mean([one.error**2 for one in found])) == pytest.approx(spread, rel=0.15)
    low, high = np.array([one.interval(0.95) for one in found]).T
    assert 0.92 <= np.mean((low < 0) & (high > 0)) <= 0.99


def test_with_one_seed_pairs_count_once_and_little_is_left_in_no_case() -> None:
    moved = {"a": 1.0, "b": -1.0}  # 2 / (2 - 1) * (1 + 1): 4 between the arms
    nothing = Distance(0.0, 10.0, dict.fromkeys(moved, 0.0), 2.0, 1.0, 0.5)
    (variance, freedom), = paired_difference([Distance(1.0, 10.0, moved, 2.0, 1.0, 0.5)], [nothing]).parts  # fmt: skip
    assert variance == pytest.approx(20 + 4 - 4 - 2) and freedom == pytest.approx((24 / 4) ** 2)
    # Pairs are nearly all: half of what is left of 20 in proportion, 20 - 4 * 16 / 8.
    arms = [Distance(1.0, 10.0, moved, 8.0, 4.0, 0.5)], [replace(nothing, candidate_pairs=8.0, mixed_pairs=4.0)]
    assert paired_difference(*arms).parts[0][0] == pytest.approx(max(20 + 4 - 16 - 8, 0.5 * (20 - 4 * 16 / 8)))
    far = {source: 10 * by for source, by in moved.items()}
    assert paired_difference([replace(arms[0][0], reference=far)], arms[1]).parts[0][0] == pytest.approx(20 + 400 - 24)


def test_what_a_source_does_to_one_seed_is_taken_out_twice() -> None:
    moved = ({"a": 3.0, "b": 1.0, "c": -4.0}, {"a": 5.0, "b": -1.0, "c": -4.0})
    arm = [Distance(value, 1.0, each) for value, each in zip((2.0, 4.0), moved, strict=True)]
    found = paired_difference(arm, [Distance(1.0, 1.0, dict.fromkeys("abc", 0.0))] * 2)
    # Of the means 4, 0 and -4, and of variances 2, 2 and 0 of two seeds; 3 sources.
    assert found.value == 2 and found.parts == ((1.0, 1.0), (pytest.approx(1.5 * (32 - 2 * 4 / 2)), 2.0))


def test_distances_from_other_references_are_not_compared() -> None:
    with pytest.raises(ValueError, match="2 sources of the reference in common"):
        paired_difference([Distance(1.0, 0.1, {"a": 0.1, "b": -0.1})], [Distance(1.0, 0.1, {"c": 0.1, "d": -0.1})])


def test_what_the_reference_does_to_both_cancels() -> None:
    generator = np.random.default_rng(1)
    y = generator.normal(size=(20, 4))
    near, far = (generator.normal(size=(2000, 4)) + shift for shift in (0.5, 0.6))
    found = paired_difference([distance(far, y)], [distance(near, y)])
    alone = kernel_distance(far, y).influence.error[0]
    assert found.value > 0 and found.error < 0.5 * alone


def test_power_is_that_of_the_test_and_equivalence_needs_a_margin() -> None:
    generator = np.random.default_rng(2)
    plan = Difference(0.0, ((1.0, 12.0),))
    smallest = plan.detectable(0.8, 0.95)
    draws = generator.standard_t(12, size=20000) + smallest
    assert np.mean(np.abs(draws) > 2.179) == pytest.approx(0.8, abs=0.02)
    assert plan.interval(0.95) == pytest.approx((-2.179, 2.179), abs=1e-3)
    assert plan.equivalence(3.0) == pytest.approx(0.0055, abs=5e-4) and plan.equivalence(0.5) > 0.3
    apart = Difference(2.5, ((1.0, 12.0),))
    assert apart.equivalence(3.0) > 0.3 and apart.p_value < 0.05
    nothing = Difference(0.0, ((0.0, 5.0),))
    assert nothing.p_value == 1 and nothing.equivalence(0.1) == 0 and nothing.interval(0.95) == (0, 0)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_a_difference_of_two_parts_is_as_certain_as_each_part_allows(confidence: float) -> None:
    found = Difference(0.0, ((1.0, 1.0), (3.0, 40.0)))
    quantile = student_t.ppf(0.5 + confidence / 2, [1, 40]) @ [0.25, 0.75]
    assert found.interval(confidence) == pytest.approx((-2 * quantile, 2 * quantile))
    assert found.p_value == pytest.approx(1)
    at_its_end = Difference(2 * quantile, found.parts)
    assert at_its_end.p_value == pytest.approx(1 - confidence, rel=1e-6)
    assert at_its_end.equivalence(4 * quantile) == pytest.approx((1 - confidence) / 2, rel=1e-6)
    assert at_its_end.equivalence(0.0) == pytest.approx(0.5 + confidence / 2, rel=1e-6)


def test_the_smallest_p_value_is_above_zero() -> None:
    assert 0 < Difference(100.0, ((1.0, 40.0),)).p_value < 1e-11
