import json

import numpy as np
import pytest
import soundfile
import torch

from flowshot.clips.held_out import NamedClips
from flowshot.generation.interpolation import PAIRS, STEPS, interpolate, write_demonstration
from flowshot.models.autoencoders.vae.vae import VAE
from tiny_vae import tiny_config

SAMPLES, RATE = 1024, 8000


@pytest.fixture(scope="module")
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(tiny_config(), SAMPLES, RATE).eval()


def clips(count: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(count).standard_normal((count, SAMPLES))).astype(np.float32)


def write(folder, model: VAE, count: int) -> list[str]:
    """The names of the files that are written of `count` clips, whose reconstructions are their negatives."""
    named = NamedClips(clips(count), [str(index) for index in range(count)], [f"source {i}" for i in range(count)])
    write_demonstration(folder, model, named, -clips(count), torch.Generator().manual_seed(0), RATE)
    return sorted(path.name for path in folder.iterdir())


def read(path):
    heard, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return heard


def test_pairs_are_spread_over_the_set_and_stay_pairs(model, tmp_path):
    names = write(tmp_path / "shown", model, 31)
    shown = json.loads((tmp_path / "shown" / "pairs.json").read_text())
    assert [each["group"] for each in shown] == ["source 0", "source 10", "source 20", "source 30"]
    for pair, row in enumerate((0, 10, 20, 30)):
        np.testing.assert_allclose(read(tmp_path / f"shown/{pair}-original.flac"), clips(31)[row], atol=2**-22)
        np.testing.assert_allclose(read(tmp_path / f"shown/{pair}-reconstruction.flac"), -clips(31)[row], atol=2**-22)
    pairs = {f"{pair}-{kind}.flac" for pair in range(PAIRS) for kind in ("original", "reconstruction")}
    walks = {f"walk-{walk}-{step}.flac" for walk in (0, 1) for step in range(STEPS)}
    assert set(names) == pairs | walks | {"pairs.json"}


@pytest.mark.parametrize(("count", "pairs", "walks"), [(1, 1, 0), (2, 2, 1), (3, 3, 1), (4, 4, 2)])
def test_a_small_set_gives_what_it_has(model, tmp_path, count, pairs, walks):
    names = write(tmp_path / "shown", model, count)
    assert len(names) == 1 + 2 * pairs + STEPS * walks


def test_a_walk_leads_from_one_clip_of_a_pair_to_the_next(model, tmp_path):
    write(tmp_path / "shown", model, 2)
    walk = interpolate(model, clips(2)[0], clips(2)[1], STEPS, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(read(tmp_path / "shown/walk-0-3.flac"), walk[3], atol=2**-22)
