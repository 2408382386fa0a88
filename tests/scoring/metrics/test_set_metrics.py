"""The Vendi score, label diversity, p-values and Holm's correction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.scoring.metrics.diversity import class_entropy, directions, label_diversity, vendi_score
from flowshot.scoring.metrics.holm import holm
from flowshot.scoring.metrics.kernel import gaussian_kernel, kernel_distance, median_distance
from flowshot.scoring.metrics.null_test import null_p_value


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


def clustered(generator: np.random.Generator, sources: int, tied: bool) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Real clips of sources of 1 to 30 clips with their sources, and 80 that a perfect model drew."""
    centres = generator.normal(size=(300, 4))
    centres = centres[centres[:, 0].argsort()] if tied else centres  # large sources may sound different
    sizes = np.ceil(30 ** np.square(np.arange(1, 301) / 300)).astype(int)
    drawn = generator.integers(0, 300, size=sources)
    real, groups = np.repeat(centres[drawn], sizes[drawn], axis=0), np.repeat(np.arange(sources), sizes[drawn])
    return real, groups.tolist(), centres[generator.choice(300, size=80, p=sizes / sizes.sum())]


@pytest.mark.parametrize("tied", [True, False])
def test_a_perfect_model_is_rejected_at_the_level_of_the_test(tied: bool) -> None:
    generator, p_values = np.random.default_rng(14), []
    for _ in range(400):
        real, groups, model = clustered(generator, 30, tied)
        kernel = gaussian_kernel(median_distance(real))
        p_values.append(null_p_value(kernel_distance(model, real, None, groups, kernel), 99, generator))
    assert 0.025 <= np.mean(np.array(p_values) <= 0.05) <= 0.08
    assert 0.15 <= np.mean(np.array(p_values) <= 0.2) <= 0.33  # of few sources, only small p-values are exact


def test_sets_that_differ_have_the_smallest_p_value_there_is() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(30, 4)) + 2, generator.normal(size=(25, 4))
    assert null_p_value(kernel_distance(x, y), 999, generator) == 0.001
    alike, other = np.ones((8, 4)), np.full((9, 4), 2.0)
    assert null_p_value(kernel_distance(alike, np.ones((9, 4))), 99, generator) == 1
    assert null_p_value(kernel_distance(alike, other), 99, generator) == 0.01


def test_merged_sources_still_tell_sets_apart_and_reject_no_perfect_model() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(2, 1000, 3))
    assert null_p_value(kernel_distance(x, y), 199, generator) > 0.01
    assert null_p_value(kernel_distance(x + 0.2, y), 199, generator) == 1 / 200


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
