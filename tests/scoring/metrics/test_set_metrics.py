"""The Vendi score, label diversity, permutation p-values and Holm's correction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.diversity import class_entropy, directions, label_diversity, vendi_score
from flowshot.scoring.metrics.holm import holm
from flowshot.scoring.metrics.kernel import gaussian_kernel, median_distance, polynomial_kernel
from flowshot.scoring.metrics.permutation import independent_clips, permutation_p_value


def test_the_vendi_score_counts_different_clips() -> None:
    assert vendi_score(np.eye(7)) == pytest.approx(7)
    assert vendi_score(directions(np.ones((7, 7)))) == pytest.approx(1)
    pairs = np.repeat(np.eye(4), 2, axis=0)
    assert vendi_score(pairs) == pytest.approx(4)


def test_silent_clips_are_alike_and_like_nothing_else() -> None:
    assert vendi_score(directions(np.zeros((40, 128)))) == pytest.approx(1)
    half = directions(np.concatenate([np.zeros((20, 20)), np.eye(20)]))
    assert ((half @ half.T)[:20] == np.repeat([1.0, 0.0], 20)).all()
    assert vendi_score(half) == pytest.approx(40 / 20**0.5)
    with pytest.raises(FlowshotError, match="NaN"):
        vendi_score(np.full((3, 2), np.nan))


def test_the_effective_number_of_classes_is_theirs_where_all_are_as_frequent() -> None:
    assert class_entropy(np.eye(8))[0] == pytest.approx(np.log(8))
    assert label_diversity(np.eye(8)[:4], np.eye(8))[0] == pytest.approx(0.5)
    assert label_diversity(np.eye(8), np.eye(8))[0] == 1


def test_influences_of_label_diversity_are_derivatives_by_the_weights_of_clips() -> None:
    generator = np.random.default_rng(1)
    scores, others = generator.uniform(size=(9, 6)) ** 3, generator.uniform(size=(7, 6))
    _, influence, _ = label_diversity(scores, others)
    for i in range(9):
        up, down = (label_diversity(scores * (1 + sign * 1e-5 * np.eye(9)[i])[:, None], others)[0] for sign in (1, -1))
        assert influence[i] == pytest.approx(9 * (up - down) / 2e-5, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kernel", ["cubic", "gaussian"])
def test_p_values_are_uniform_where_nothing_lies_between_the_sets(kernel: str) -> None:
    generator = np.random.default_rng(2)
    values = []
    for _ in range(200):
        clips = generator.normal(size=(50, 6))
        k = polynomial_kernel if kernel == "cubic" else gaussian_kernel(median_distance(clips[25:]))
        values.append(permutation_p_value(k(clips, clips), 25, 199, generator))
    assert kstest(values, "uniform").pvalue > 0.01


def test_independent_clips_follow_the_distribution_of_clips_and_not_of_sources() -> None:
    groups = ["large"] * 6 + ["half"] * 3 + ["small"] + ["equal"] * 6
    counts = np.zeros(len(groups))
    for seed in range(1500):
        rows = independent_clips(groups, np.random.default_rng(seed))
        assert len({groups[row] for row in rows}) == len(rows)
        counts[rows] += 1
    assert counts / 1500 == pytest.approx(1 / 6, abs=0.035)  # every clip as often
    alone = [str(i) for i in range(9)]
    assert independent_clips(alone, np.random.default_rng(0)).tolist() == list(range(9))


@pytest.mark.parametrize("tied", [False, True])
def test_a_perfect_model_is_rejected_at_the_level_of_the_test(tied: bool) -> None:
    """Candidates are real clips drawn at random; large sources have more of them, and may sound different."""
    generator, p_values = np.random.default_rng(14), []
    for _ in range(400):
        centres = generator.normal(size=(400, 4))
        population = np.sort(centres, axis=0) if tied else centres
        weights = np.ceil(np.arange(1, 401) / 25)
        model = population[generator.choice(400, size=60, p=weights / weights.sum())]
        drawn = generator.integers(0, 400, size=40)
        sizes = weights[drawn].astype(int)
        real, groups = np.repeat(population[drawn], sizes, axis=0), np.repeat(np.arange(40), sizes).tolist()
        clips = np.concatenate([model, real[independent_clips(groups, generator)]])
        p_values.append(permutation_p_value(polynomial_kernel(clips, clips), 60, 99, generator))
    assert 0.025 <= np.mean(np.array(p_values) <= 0.05) <= 0.08


def test_sets_that_differ_have_the_smallest_p_value_there_is() -> None:
    generator = np.random.default_rng(3)
    clips = np.concatenate([generator.normal(size=(30, 4)) + 2, generator.normal(size=(25, 4))])
    assert permutation_p_value(polynomial_kernel(clips, clips), 30, 999, generator) == 0.001
    assert permutation_p_value(np.ones((8, 8)), 4, 99, generator) == 1.0


def test_holm_multiplies_the_smallest_p_value_most_and_never_reorders() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrected_p_values_are_never_smaller_and_in_the_same_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    in_order = corrected[np.argsort(p_values, kind="stable")]
    assert (np.diff(in_order) >= 0).all()
