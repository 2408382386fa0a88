import json

import numpy as np
import pytest
import soundfile
import torch

from flowshot.generation.demonstration import PAIRS, STEPS, demonstrate, write_demonstration
from flowshot.models.autoencoders.vae.vae import VAE
from tiny_vae import tiny_config

SAMPLES, RATE = 1024, 8000


@pytest.fixture(scope="module")
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(tiny_config(), SAMPLES, RATE).eval()


def clips(count: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(count).standard_normal((count, SAMPLES))).astype(np.float32)


def of(model: VAE, count: int):
    groups = [f"source {index}" for index in range(count)]
    return demonstrate(model, clips(count), -clips(count), groups, torch.Generator().manual_seed(0))


def test_pairs_are_spread_over_the_set_and_stay_pairs(model):
    shown = of(model, 31)
    assert shown.groups == ["source 0", "source 10", "source 20", "source 30"]
    np.testing.assert_array_equal(shown.originals, clips(31)[[0, 10, 20, 30]])
    np.testing.assert_array_equal(shown.reconstructions, -shown.originals)
    assert [walk.shape for walk in shown.walks] == [(STEPS, SAMPLES)] * (PAIRS // 2)


@pytest.mark.parametrize(("count", "pairs", "walks"), [(1, 1, 0), (2, 2, 1), (3, 3, 1), (4, 4, 2)])
def test_a_small_set_gives_what_it_has(model, count, pairs, walks):
    shown = of(model, count)
    assert (len(shown.groups), len(shown.walks)) == (pairs, walks)


def test_the_files_hold_what_was_made(model, tmp_path):
    shown = of(model, 5)
    write_demonstration(tmp_path / "shown", shown, RATE)
    found = {path.name for path in (tmp_path / "shown").iterdir()}
    pairs = {f"{pair}-{kind}.flac" for pair in range(PAIRS) for kind in ("original", "reconstruction")}
    assert found == pairs | {f"walk-{walk}-{step}.flac" for walk in (0, 1) for step in range(STEPS)} | {"pairs.json"}
    heard, rate = soundfile.read(tmp_path / "shown" / "walk-1-3.flac", dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(heard, shown.walks[1][3], atol=2**-22)
    assert json.loads((tmp_path / "shown" / "pairs.json").read_text())[1] == {"group": shown.groups[1]}
