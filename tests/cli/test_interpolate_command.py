from pathlib import Path

import numpy as np
import pytest
import soundfile

from flowshot.core.params import read_params
from flowshot.preparation.config import dataset_config

ARM = "mine/no_nf/own"


def read(folder):
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(Path(folder).iterdir())])


@pytest.fixture
def sounds(project, write_sounds):
    """Two sounds of another rate and length than the model's, quiet, and not at once."""
    write_sounds(project / "given", 2, rate=16000, seconds=0.4)
    for path in (project / "given").iterdir():
        sound, rate = soundfile.read(path)
        soundfile.write(path, np.concatenate([np.zeros(800), 0.1 * sound]), rate)
    return sorted((project / "given").iterdir())


def test_a_walk_goes_from_the_one_sound_to_the_other(save_vae, sounds, found):
    model = save_vae()
    report = found("interpolate", ARM, "--from", sounds[0], "--to", sounds[1], "--steps", 5, "--out", "walk")
    assert report["from"] == str(sounds[0]) and (report["steps"], report["sample_rate"]) == (5, 8000)
    assert [path.name for path in sorted(Path("walk").iterdir())] == [f"{index:02d}.flac" for index in range(5)]
    clips = read("walk")
    assert clips.shape == (5, 2000) and len(np.unique(clips, axis=0)) == 5
    assert model.clip_samples == 2000


def test_a_file_is_heard_as_the_dataset_hears_it(save_vae, sounds, project):
    """From its first sound, at the level of the dataset: as the clips that the model learned from."""
    from flowshot.api.arm import read_clip
    from flowshot.models.autoencoders.registry import load_autoencoder

    save_vae()
    card = load_autoencoder(project / "models/mine/no_nf/3")[1]
    clip = read_clip(sounds[0], dataset_config(read_params(), "mine"), card).samples
    assert clip.shape == (2000,) and np.abs(clip).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert np.abs(clip[:40]).max() > 0.05


def test_without_files_it_walks_between_two_draws_that_the_seed_decides(save_vae, flowshot, found):
    save_vae()
    assert found("interpolate", ARM, "--out", "a", "--seed", 1)["from"] is None
    for seed, out in ((1, "b"), (2, "c")):
        assert flowshot("interpolate", ARM, "--seed", seed, "--out", out)[0] == 0
    np.testing.assert_array_equal(read("a"), read("b"))
    assert not np.allclose(read("a"), read("c"), atol=1e-4) and read("a").shape == (9, 2000)


@pytest.mark.parametrize("arguments", [("--from", "a.wav"), ("--to", "a.wav"), ("--steps", 1), ("--steps", 0)])
def test_half_a_walk_is_wrong_use(project, flowshot, arguments):
    assert flowshot("interpolate", ARM, *arguments, "--out", "x")[0] == 2


def test_a_file_that_gives_no_clip_is_named_and_nothing_is_written(save_vae, sounds, fails):
    save_vae(3)
    Path("broken.wav").write_text("no audio")
    soundfile.write("silent.wav", np.zeros(4000), 8000)
    for name, message in (("none.wav", "is not a file"), ("broken.wav", "unreadable"), ("silent.wav", "silent")):
        assert f"{name}: {message}" in fails("interpolate", ARM, "--from", sounds[0], "--to", name, "--out", "walk")
    save_vae(4, rate=16000)
    line = fails("interpolate", ARM, "--model-seed", 4, "--from", sounds[0], "--to", sounds[1], "--out", "walk")
    assert "has clips of 2000 samples at 8000 Hz, but the model was trained on 4000 at 16000 Hz" in line
    assert not Path("walk").exists()
