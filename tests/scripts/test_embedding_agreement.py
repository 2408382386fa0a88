"""What the table of embeddings counts as agreement."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from defaults import default
from flowshot.clips.prepared import read_prepared
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.score import Score
from prepared_folders import write_prepared

PATH = Path(__file__).parents[2] / "scripts/embedding_agreement.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("embedding_agreement", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found(**values):
    """KIDs of arms under two embeddings, each with an interval of ± 1."""
    return {
        arm: {by: Score("kid", by, v, v - 1, v + 1, 9) for by, v in zip("xy", pair, strict=True)}
        for arm, pair in values.items()
    }


def test_embeddings_that_rank_arms_alike_agree_on_every_pair(script):
    assert script.agreement(found(a=(0, 0), b=(3, 30), c=(9, 40)), "x", "y") == (1, 3, 3)


def test_a_pair_in_the_other_order_is_told_apart_but_not_alike(script):
    correlation, told, alike = script.agreement(found(a=(0, 40), b=(3, 30), c=(9, 0)), "x", "y")
    assert correlation == pytest.approx(-1) and (told, alike) == (3, 0)


def test_a_pair_whose_intervals_overlap_under_one_embedding_is_left_out(script):
    _, told, alike = script.agreement(found(a=(0, 0), b=(1.5, 30), c=(9, 40)), "x", "y")
    assert (told, alike) == (2, 2)


def test_a_score_without_an_interval_tells_nothing_apart(script):
    bare = Score("kid", "x", 5.0, None, None, 9)
    assert script.order(bare, Score("kid", "x", 1.0, 0.9, 1.1, 9)) == 0


def test_the_page_has_the_kid_and_rank_of_every_arm_that_was_sampled(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(0, 0.1, (24, 4000)).astype("float32")
    write_prepared(tmp_path / "data", dict.fromkeys(("train", "valid", "test"), noise[:12]), 8000)
    prepared = read_prepared(tmp_path / "data")
    config = default(ScoreConfig, "score", embeddings=["logmel"], metrics=["kid"])
    scores = {}
    for name, clips in {"near": noise[12:], "far": np.cumsum(noise[12:], axis=1) / 20}.items():
        arm = tmp_path / "generated" / "mine" / name / "own" / "0"
        arm.mkdir(parents=True)
        np.save(arm / "clips.npy", clips)
        scores[script.name_of(arm)] = script.scored(arm, prepared, config, 10)
    assert scores["near / own, 0"]["logmel"].value < scores["far / own, 0"]["logmel"].value
    page = script.page(scores, "mine", 10, 12)
    assert "| near / own, 0 |" in page and "(2) |" in page.split("far / own, 0")[1]
