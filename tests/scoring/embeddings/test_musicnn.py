import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from record_musicnn import RATE, RECORD, clips

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.musicnn import HOP, WINDOW, Musicnn

POLICY = default(PolicyConfig, "score.policy")
installed = importlib.util.find_spec("musicnn")
needs_musicnn = pytest.mark.skipif(not installed, reason="the optional package musicnn is not installed")


@pytest.fixture(scope="module")
def musicnn() -> Musicnn:
    return Musicnn(POLICY)


@needs_musicnn
def test_it_computes_what_the_original_computed_in_tensorflow(musicnn: Musicnn) -> None:
    recorded = np.array(json.loads(RECORD.read_text())["penultimate"])
    assert recorded.shape == (3, 200) and np.abs(recorded[0] - recorded[1]).max() > 1
    assert np.abs(musicnn.embed(clips(), RATE) - recorded).max() < 5e-4


@needs_musicnn
def test_a_long_clip_is_the_mean_of_its_windows_and_a_short_one_is_padded(musicnn: Musicnn) -> None:
    first, second, _ = clips()[:, None, :]
    long = np.concatenate([first, second], axis=1)
    alone = [musicnn.embed(first, RATE), musicnn.embed(second, RATE)]
    assert musicnn.embed(long, RATE) == pytest.approx((alone[0] + alone[1]) / 2, rel=1e-4, abs=1e-4)
    short = first[:, :RATE]
    padded = np.pad(short, ((0, 0), (0, WINDOW - RATE)))
    assert musicnn.embed(short, RATE) == pytest.approx(musicnn.embed(padded, RATE), rel=1e-4, abs=1e-4)


@needs_musicnn
@pytest.mark.parametrize("samples", [1, HOP - 1, 800])
def test_clips_of_any_length_and_level_are_heard(musicnn: Musicnn, samples: int) -> None:
    assert np.isfinite(musicnn.embed(np.ones((1, samples), dtype=np.float32), RATE)).all()


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FlowshotError, match=r"musicnn.*pip install --no-deps.*logmel works without it"):
        Musicnn(POLICY)


def test_other_weights_than_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "MSD_musicnn"
    folder.mkdir()
    (folder / ".data-00000-of-00001").write_bytes(b"another network")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FlowshotError, match="not the known network"):
        Musicnn(POLICY)
