"""What the `train` stage makes of a RAVE of the user's: nothing is trained, everything is measured."""

import csv
import json

import numpy as np
import pytest
import torch
from flowshot.models.autoencoders.exported_rave.measure import delay_of, measure_exported

from exported_files import DIMENSIONS, RATIO, write_export
from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.exported_rave.network import ExportedRave
from flowshot.models.autoencoders.rave.config import RaveConfig
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.base.storage import load_model
from flowshot.training.config import LossConfig, TrainConfig

SAMPLES, RATE = 256, 16000
CONFIG = TrainConfig(loss=LossConfig(fft_sizes=(128, 32)))


def waves(count):
    pitch = np.random.default_rng(0).uniform(0.001, 0.004, (count, 1))
    fading = np.exp(-np.arange(SAMPLES) / 60)
    return (0.8 * fading * np.sin(2 * np.pi * pitch * np.arange(SAMPLES) + 1)).astype(np.float32)


def measured(path, said=None, **settings):
    config = VAEConfig(rave=RaveConfig(exported=str(path), trust_exported=True, **settings))
    say = pytest.fail if said is None else said.append
    return measure_exported(ExportedRave(config, SAMPLES, RATE), waves(8), waves(4), CONFIG, 3, say)


def test_it_is_measured_as_every_other_and_not_trained(tmp_path):
    trained = measured(write_export(tmp_path / "model.ts"))
    assert trained.seconds == 0 and trained.best_step == 0 and len(trained.history) == 1
    row = trained.best_row
    assert row["reconstruction_gap"] == pytest.approx(row["valid_reconstruction"] - row["train_reconstruction_clean"])
    assert 0 < row["valid_reconstruction"] < np.inf and row["step"] == 0
    assert all(torch.equal(trained.best[name], value) for name, value in trained.last.items())


def test_repulsion_is_of_a_noise_that_is_learned_and_changes_nothing_here(tmp_path):
    path = write_export(tmp_path / "model.ts")
    model = ExportedRave(VAEConfig(rave=RaveConfig(exported=str(path), trust_exported=True)), SAMPLES, RATE)
    repelled = TrainConfig(loss=LossConfig(fft_sizes=(128, 32), repulsion=1.0))
    row = measure_exported(model, waves(8), waves(4), repelled, 3, pytest.fail).best_row
    assert row["valid_reconstruction"] == measured(path).best_row["valid_reconstruction"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("constant", "latent dimension 1 is the same for all training clips"),
        ("codes", "the codes of a discrete RAVE"),
        ("infinite", "latents of the training clips that are not finite"),
    ],
)
def test_latents_that_no_prior_can_follow_are_one_line(kind, message, tmp_path):
    path = write_export(tmp_path / "model.ts", kind=kind)
    with pytest.raises(FlowshotError, match=message) as caught:
        measured(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_an_export_for_streaming_is_told_to_be_late_until_its_delay_is_set(tmp_path):
    path, said = write_export(tmp_path / "model.ts", late=32), []
    late = measured(path, said).best_row["valid_reconstruction"]
    assert len(said) == 1 and "clips come out 32 samples late" in said[0] and "exported_delay to 32" in said[0]
    assert measured(path, exported_delay=32).best_row["valid_reconstruction"] < late


def test_a_delay_is_found_whatever_the_sign_and_not_where_nothing_is_alike():
    clips = torch.randn(3, 400, generator=torch.Generator().manual_seed(0))
    late = torch.nn.functional.pad(clips, (50, 0))[:, :400]
    assert delay_of(clips, -0.1 * late) == 50
    assert delay_of(clips, clips) == 0
    assert delay_of(clips, torch.randn(3, 400, generator=torch.Generator().manual_seed(1))) == 0
    assert delay_of(clips, torch.zeros(3, 400)) == 0


def test_the_stage_writes_its_folder_like_every_other(tone_project, train_stage, tmp_path):
    """The file may be gone afterwards."""
    path = write_export(tmp_path / "mine.ts")
    entry = {"rave": {"exported": "mine.ts", "trust_exported": True}}
    folder = tone_project("my_rave", entry, {"steps": 5, "batch_size": 4})
    result = train_stage(folder, "my_rave")
    assert result.returncode == 0, result.stderr
    path.unlink()
    model, card = load_model(folder / "models/tones/my_rave/0")
    assert card.sample_rate == RATE and model.latent_shape == (DIMENSIONS, SAMPLES // RATIO)
    written = json.loads((folder / "models/tones/my_rave/0/diagnostics.json").read_text())
    assert written["train_seconds"] == 0 and written["parameters"] == DIMENSIONS * RATIO
    assert written["steps"] == 0 and not written["stopped_early"] and written["valid_reconstruction"] > 0
    rows = list(csv.DictReader((folder / "models/tones/my_rave/0/history.csv").open()))
    assert [row["step"] for row in rows] == ["0"]


def test_the_stage_refuses_a_file_that_nobody_trusts_in_one_line(tone_project, train_stage, tmp_path):
    write_export(tmp_path / "mine.ts")
    folder = tone_project("my_rave", {"rave": {"exported": "mine.ts"}}, {"steps": 5, "batch_size": 4})
    result = train_stage(folder, "my_rave")
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
    assert "set rave.trust_exported: true" in result.stderr
    assert not (folder / "models").exists()
