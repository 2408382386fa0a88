import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Posterior, Prior
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import LISTEN, Generated, write_generated
from flowshot.generation.sampling import reconstruct_clips, sample_clips
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.own import OwnPrior

SAMPLES, RATE = 250, 8000


class Echo(Autoencoder):
    """An autoencoder whose latent is the clip, with a posterior so narrow that a draw is its mean."""

    latent_shape = (SAMPLES, 1)
    posterior_flow = None

    def posterior(self, clips):
        return Posterior(clips, torch.full_like(clips, -9.0))

    def decode(self, latent, generator=None):
        return latent.clamp(-1, 1)


@pytest.fixture(scope="module")
def model():
    echo = Echo(SAMPLES, RATE)
    echo.prior = Prior(SAMPLES)
    return echo


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(count, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (count, SAMPLES)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_as_many_clips_come_as_are_asked_for(model, count):
    generated = sample_clips(model, OwnPrior(model.prior), count, 4, generator())
    assert generated.clips.shape == (count, SAMPLES) and generated.clips.dtype == np.float32
    assert np.isfinite(generated.clips).all() and np.abs(generated.clips).max() <= 1
    assert generated.seconds > 0


def test_the_generator_decides_the_clips(model):
    first, again, other = (sample_clips(model, OwnPrior(model.prior), 5, 4, generator(s)).clips for s in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_a_reconstruction_is_in_the_place_of_its_clip(model, count):
    clips = noise(count)
    generated = reconstruct_clips(model, clips, 4, generator())
    assert generated.clips.dtype == np.float32
    np.testing.assert_allclose(generated.clips, clips, atol=0.001)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes clips as those of an arm; hands out their folder."""
    monkeypatch.chdir(tmp_path)
    arm = Path("mine/no_nf/own/3")

    def write(clips, seconds):
        write_generated(arm, Generated(clips, seconds), RATE, "quick", default(SampleConfig, "sample"))
        return "generated" / arm

    return write


def test_a_folder_holds_clips_and_some_to_listen_to(write):
    clips = noise(LISTEN + 4)
    write(noise(3), 1.5)
    folder = write(clips, 1.5)  # written again, nothing is left of the first
    assert sorted(path.name for path in folder.iterdir()) == ["clips.npy", "listen"]
    assert (np.load(folder / "clips.npy", allow_pickle=False) == clips).all()
    heard = sorted((folder / "listen").iterdir())
    assert [path.name for path in heard] == [f"{index:02d}.flac" for index in range(LISTEN)]
    for index in (0, LISTEN - 1):
        audio, rate = soundfile.read(heard[index])
        assert rate == RATE
        np.testing.assert_allclose(audio, clips[index], atol=1e-4)


def test_fewer_clips_than_are_kept_for_listening_are_all_kept_and_the_record_tells_how_long_it_took(write):
    assert len(list((write(noise(3), 0.5) / "listen").iterdir())) == 3
    record = json.loads(Path("runs/sample/mine/no_nf/own/3/run.json").read_text())
    assert (record["seconds"], record["clips"], record["prior"], record["seed"]) == (0.5, 3, "own", 3)


def test_clips_that_are_not_finite_are_counted_in_one_line_wherever_they_are(write):
    for place in (0, LISTEN + 2):
        clips = noise(LISTEN + 4)
        clips[place, 7] = np.nan
        with pytest.raises(FlowshotError, match=r"^mine/no_nf/own/3: 1 of 20 clips have NaN or infinity; train or fit"):
            write(clips, 1.0)
    assert not Path("generated").exists()
