"""Distances by kind of sound, from embeddings made here."""

from dataclasses import replace

import numpy as np
import pytest

from defaults import default
from flowshot.scoring.comparison.base import EmbeddedSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.kinds import WITHOUT_RENDERED, kind_scores
from flowshot.scoring.metrics.score import Score

KINDS = ("recorded", "rendered synthesizer", "sampled instrument")
CONFIG = default(ScoreConfig, "score", metrics=["kid", "fad", "vendi"])


def sets(paired: bool, kinds: tuple[str, ...] = KINDS) -> EmbeddedSets:
    """Kinds lie apart; candidates are reconstructions, recordings alone wrong, or draws near synthesizers."""
    generator = np.random.default_rng(0)
    of = [kind for kind in kinds for _ in range(40)]
    place = np.array([10.0 * KINDS.index(kind) for kind in of])
    reference = place[:, None] + generator.normal(size=(len(of), 4))
    groups = [f"source {i}" for i in range(len(of))]
    wrong = np.array([3.0 * (kind == "recorded") for kind in of])
    candidate = reference + wrong[:, None] if paired else 10.0 + generator.normal(size=(90, 4))
    own = groups if paired else [f"x{i}" for i in range(90)]
    return EmbeddedSets("yamnet", candidate, reference, own, groups, reference_kinds=of)


def by_kind(scores: list[Score], metric: str) -> dict[str, float]:
    return {score.embedding: score.value for score in scores if score.metric == metric}


def test_reconstructions_of_a_kind_are_compared_with_real_clips_of_that_kind() -> None:
    scores = kind_scores(sets(paired=True), CONFIG, 0)
    for metric in ("kid_of_kind", "fad_of_kind"):
        found = by_kind(scores, metric)
        assert set(found) == set(KINDS)
        assert found["recorded"] > 1 and found["sampled instrument"] == pytest.approx(0, abs=0.1)
    assert {(score.n, score.details["reference_n"]) for score in scores} == {(40, 40)}
    assert {score.metric for score in scores} == {"kid_of_kind", "fad_of_kind"}


def test_samples_are_compared_with_all_that_is_not_rendered() -> None:
    (score,) = kind_scores(sets(paired=False), CONFIG, 0)
    assert (score.metric, score.embedding, score.n) == ("kid_of_kind", WITHOUT_RENDERED, 90)
    assert score.details["reference_n"] == 80 and score.value > 1  # the candidates are like synthesizers alone


@pytest.mark.parametrize("kinds", [("recorded",), ("recorded", "sampled instrument")])
def test_samples_without_rendered_clips_in_the_reference_have_none(kinds: tuple[str, ...]) -> None:
    assert kind_scores(sets(False, kinds), CONFIG, 0) == []


def test_one_kind_and_unknown_kinds_have_none() -> None:
    assert kind_scores(sets(True, ("recorded",)), CONFIG, 0) == []
    assert kind_scores(replace(sets(True), reference_kinds=()), CONFIG, 0) == []


def test_a_kind_of_a_few_clips_is_left_out() -> None:
    few = sets(True)
    rare = [*["recorded"] * 5, *["sampled instrument"] * 35, *few.reference_kinds[40:]]
    assert "recorded" not in by_kind(kind_scores(replace(few, reference_kinds=rare), CONFIG, 0), "kid_of_kind")
