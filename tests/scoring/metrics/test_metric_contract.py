"""What holds for every metric: for sets of any size and order, and for clips that are silent or all alike."""

from dataclasses import replace

import numpy as np
import pytest

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import METRICS, compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.neighbours import nearest_others, nearest_training
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.metrics.tails import HEAVY

CONFIG = default(ScoreConfig, "score", folds=5, resamples=99)
DRAWN = ("fad_infinity", "kad_p", "local_p")  # values that depend on a draw of halves or resamples
PROPORTIONS = ("precision", "recall", "coverage", "authenticity")
D = 6


def normal(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)) + 0.3


def labels(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def embedded(x: np.ndarray, y: np.ndarray, order: np.ndarray | None = None, paired: bool = False) -> EmbeddedSets:
    """Both sets with training clips like the reference, and classes of sound that follow the embedding."""
    order = np.arange(len(x)) if order is None else order
    training = np.concatenate([y[::2], normal(20, 99)])
    apart = nearest_others(training)
    classes = [np.maximum(each[:, :4], 0) for each in (x, y)]
    return EmbeddedSets(
        "simulated",
        x[order],
        y,
        np.array(labels("y" if paired else "x", len(x)))[order].tolist(),
        labels("y", len(y)),
        (nearest_training(x[order], training, apart), nearest_training(y, training, apart)),
        classes[0][order],
        classes[1],
        np.array(labels("clip ", len(x)))[order].tolist(),
        labels("real ", len(y)),
        labels("training ", len(training)),
    )


def scores(sets: EmbeddedSets) -> dict[str, Score]:
    def draws(metric: str) -> np.random.Generator:
        return numpy_generator(0, "contract", metric)

    return {score.metric: score for score in compare(Comparison(sets, CONFIG, draws), tuple(METRICS))}


def assert_sound(found: dict[str, Score]) -> None:
    """Every number is finite and within its bounds, and lies in its interval. `Score` itself refuses NaN."""
    for name, score in found.items():
        assert score.ci_low is None or score.ci_low <= score.value <= score.ci_high, score
        if name in PROPORTIONS or name.endswith("_p"):
            assert 0 <= score.value <= 1
        if name in ("fad", "density", "training_distance", "label_diversity"):
            assert score.value >= 0


def test_every_metric_has_a_value_an_interval_and_its_n() -> None:
    found = scores(embedded(normal(30, 0), normal(24, 1)))
    assert list(found) == list(METRICS)
    assert_sound(found)
    for name, score in found.items():
        assert score.n == 30
        assert (score.ci_low is None) == (name in DRAWN)


@pytest.mark.parametrize("metric", [name for name in METRICS if name not in DRAWN])
def test_the_order_of_clips_does_not_matter(metric: str) -> None:
    x, y = normal(30, 0), normal(24, 1)
    found, again = (
        scores(embedded(x, y, order))[metric].value for order in (None, np.random.default_rng(2).permutation(30))
    )
    assert again == pytest.approx(found, rel=1e-9)


def test_a_set_and_itself_are_alike_under_every_metric() -> None:
    y = normal(24, 1)
    found = scores(embedded(y, y, paired=True))
    assert_sound(found)
    for name in ("fad", "kid", "kad", "fad_infinity"):
        assert found[name].value == pytest.approx(0, abs=1e-9)
    for name in ("precision", "recall", "coverage", "label_diversity", "training_distance"):
        assert found[name].value == 1
    assert "kad_p" not in found and "local_p" not in found  # pairs are no two draws


def test_every_metric_tells_a_set_far_away() -> None:
    y = normal(24, 1)
    near, far = scores(embedded(normal(24, 2), y)), scores(embedded(normal(24, 2) + 9 * np.eye(D)[0], y))
    for name in ("fad", "kid", "kad", "fad_infinity", "training_distance", "authenticity"):
        assert far[name].value > near[name].value
    for name in ("precision", "recall", "coverage", "density", "kad_p", "local_p", "label_diversity"):
        assert far[name].value < near[name].value


def test_sources_of_several_clips_are_not_exchanged_one_by_one() -> None:
    x, y = normal(30, 0), normal(24, 1)
    takes = replace(embedded(x, y), reference_groups=[f"y{i // 2}" for i in range(24)])
    assert "local_p" in scores(embedded(x, y)) and "local_p" not in scores(takes)


def test_the_kind_of_sound_that_one_set_lacks_is_named() -> None:
    y = np.concatenate([normal(60, 1), 0.1 * normal(12, 2) + 8])
    found = scores(embedded(normal(70, 0), y))["local_p"]
    place = int(str(found.details["most_different"]).removeprefix("real "))
    assert found.value <= 0.05 and place >= 60
    assert found.details["candidates_near_it"] < 0.01 < 0.1 < found.details["reference_near_it"]


@pytest.mark.parametrize("heavy", ["candidate", "reference", "none"])
def test_heavy_tails_leave_fad_and_kid_without_intervals(heavy: str) -> None:
    sets = {"candidate": normal(60, 0), "reference": normal(60, 1)}
    if heavy != "none":
        sets[heavy][7] *= 40
    found = scores(embedded(sets["candidate"], sets["reference"]))
    for name in ("fad", "fad_infinity", "kid"):
        assert (found[name].ci_low is None) == (heavy != "none")
        assert "influence" not in found[name].details or heavy == "none"
    assert all(found[name].details.get("heavy_tails", 0) > HEAVY for name in ("fad", "kid")) == (heavy != "none")
    assert found["kad"].ci_low is not None and "influence" in found["kad"].details


HALF = np.concatenate([np.zeros((12, D)), normal(12, 3)])
ALIKE = {"zero": np.zeros((24, D)), "equal": np.full((24, D), 0.1), "half zero": HALF, "real": normal(24, 4)}


@pytest.mark.parametrize("candidate", ALIKE)
@pytest.mark.parametrize("reference", ALIKE)
def test_silent_and_equal_clips_have_sensible_numbers(candidate: str, reference: str) -> None:
    found = scores(embedded(ALIKE[candidate].copy(), ALIKE[reference].copy()))
    assert_sound(found)
    of = {name: score.value for name, score in found.items()}
    if candidate in ("zero", "equal"):
        assert of["vendi"] == pytest.approx(1)
    if candidate == "half zero":
        assert 1 < of["vendi"] < 13
    same = candidate == reference
    if candidate in ("zero", "equal") or reference in ("zero", "equal"):
        assert (of["fad"] == pytest.approx(0, abs=1e-12)) == same
        assert of["precision"] == (same or (candidate, reference) == ("zero", "half zero") or of["precision"])
    if same and candidate in ("zero", "equal"):
        assert of["kid"] == pytest.approx(0, abs=1e-12) and of["kad"] == 0
        assert of["kad_p"] == of["local_p"] == 1
        assert of["precision"] == of["recall"] == of["coverage"] == 1
        assert of["density"] == pytest.approx(24 / 23)
        assert of["authenticity"] == 0
    if {candidate, reference} == {"zero", "equal"}:
        assert of["precision"] == of["recall"] == of["coverage"] == of["density"] == 0


def test_a_model_that_collapsed_to_silence_gains_nothing_from_silent_real_clips() -> None:
    """Half of the real clips are silent: the silent half is covered, the other is not, and density stays about 1."""
    found = scores(embedded(np.zeros((24, D)), np.concatenate([np.zeros((12, D)), normal(12, 3) + 20])))
    assert found["precision"].value == 1 and found["coverage"].value == pytest.approx(0.5)
    assert found["recall"].value == pytest.approx(0.5)
    assert found["density"].value == pytest.approx(12 / 11)
    assert found["vendi"].value == pytest.approx(1)
    assert found["kad"].value > 0.1


def test_equal_clips_are_found_equal_wherever_they_lie() -> None:
    """Differences below rounding are none: the radius of equal clips is 0, and each lies in the ball of the others."""
    y = np.repeat(normal(4, 5) * 1e3, 8, axis=0)
    found = scores(embedded(y[::-1].copy(), y))
    assert found["precision"].value == found["recall"].value == found["coverage"].value == 1
    assert found["authenticity"].value == 0


def test_a_reference_that_is_largely_silent_keeps_a_width_for_the_rest() -> None:
    y = np.concatenate([np.zeros((30, D)), normal(10, 6)])
    near = np.concatenate([np.zeros((30, D)), normal(10, 7)])
    far = np.concatenate([np.zeros((30, D)), normal(10, 7) + 50])
    assert scores(embedded(near, y))["kad"].value < 0.5 * scores(embedded(far, y))["kad"].value


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (normal(1, 0), normal(9, 1), "at least 2 clips"),
        (normal(9, 0)[:, :-1], normal(9, 1), "with one d"),
        (np.full((9, D), np.nan), normal(9, 1), "NaN or infinity"),
    ],
)
def test_sets_that_do_not_fit_are_refused_in_one_line(x: np.ndarray, y: np.ndarray, words: str) -> None:
    sets = EmbeddedSets("simulated", x, y, labels("x", len(x)), labels("y", len(y)))
    with pytest.raises(FlowshotError, match=words) as caught:
        Comparison(sets, CONFIG, numpy_generator)
    assert "\n" not in str(caught.value)
