import numpy as np
import pytest
import soundfile
import torch

from flowshot.densities.distributions import Posterior, Prior
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


def test_a_folder_holds_clips_and_some_to_listen_to(tmp_path):
    clips = noise(LISTEN + 4)
    for _ in range(2):  # written again, nothing is left of the first
        write_generated(tmp_path / "out", Generated(clips, 1.5), RATE)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clips.npy", "listen"]
    assert (np.load(tmp_path / "out" / "clips.npy", allow_pickle=False) == clips).all()
    heard = sorted((tmp_path / "out" / "listen").iterdir())
    assert [path.name for path in heard] == [f"{index:02d}.flac" for index in range(LISTEN)]
    for index in (0, LISTEN - 1):
        audio, rate = soundfile.read(heard[index])
        assert rate == RATE
        np.testing.assert_allclose(audio, clips[index], atol=1e-4)


def test_fewer_clips_than_are_kept_for_listening_are_all_kept(tmp_path):
    write_generated(tmp_path / "out", Generated(noise(3), 0.1), RATE)
    assert len(list((tmp_path / "out" / "listen").iterdir())) == 3
