"""The floor is what a perfect model can be expected to reach, not less and not more."""

import numpy as np
import pytest

from defaults import default
from flowshot.scoring.comparison.base import EmbeddedSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.floor import floor_scores
from flowshot.scoring.metrics.frechet import frechet_distance

CONFIG = default(ScoreConfig, "score", halves=10)


def held_out(generator: np.random.Generator, sources: int, d: int = 6) -> tuple[np.ndarray, list[str]]:
    """Sources of 1 to 5 near-identical clips."""
    sizes = generator.integers(1, 6, size=sources)
    clips = np.repeat(generator.normal(size=(sources, d)), sizes, axis=0)
    return clips + 0.1 * generator.normal(size=clips.shape), [str(i) for i in np.repeat(np.arange(sources), sizes)]


def test_the_floor_of_frechet_is_where_a_perfect_model_is_and_that_of_kid_is_zero() -> None:
    generator = np.random.default_rng(0)
    floor, perfect, kid = [], [], []
    for _ in range(40):
        clips, groups = held_out(generator, 60)
        sets = EmbeddedSets("simulated", clips, clips, groups, groups)
        found = {score.metric: score for score in floor_scores(sets, ["fad", "kid"], 200, CONFIG)}
        floor.append(found["fad"].value)
        kid.append(found["kid"].value)
        reference, _ = held_out(generator, 30)
        perfect.append(frechet_distance(np.sqrt(1.01) * generator.normal(size=(200, 6)), reference))
    assert np.mean(floor) == pytest.approx(np.mean(perfect), rel=0.1)
    assert abs(np.mean(kid)) < 3 * np.std(kid) / np.sqrt(40)
    assert found["fad"].n == 200 and 70 < found["kid"].n < 110
    assert found["fad"].ci_low < found["fad"].value < found["fad"].ci_high


def test_clips_of_one_source_are_halved_between_clips() -> None:
    clips = np.random.default_rng(1).normal(size=(20, 3))
    sets = EmbeddedSets("simulated", clips, clips, ["a"] * 20, ["a"] * 20)
    (fad,) = floor_scores(sets, ["fad", "kad_p"], 50, CONFIG)
    assert (fad.metric, fad.n, fad.details["reference_n"]) == ("fad", 50, 10)
