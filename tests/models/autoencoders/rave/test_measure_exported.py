"""What the `train` stage makes of a RAVE of the user's: nothing is trained, everything is measured."""

import numpy as np
import pytest
import torch

from exported_files import write_export
from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.exported_rave.model import ExportedRave, ExportedRaveConfig
from flowshot.models.autoencoders.exported_rave.training import delay_of, train
from training_jobs import job_on

SAMPLES, RATE = 256, 16000


def waves(count):
    pitch = np.random.default_rng(0).uniform(0.001, 0.004, (count, 1))
    fading = np.exp(-np.arange(SAMPLES) / 60)
    return (0.8 * fading * np.sin(2 * np.pi * pitch * np.arange(SAMPLES) + 1)).astype(np.float32)


def measured(path, said=None, delay=0):
    model = ExportedRave(ExportedRaveConfig(str(path), trust=True, delay=delay), path, SAMPLES, RATE)
    say = pytest.fail if said is None else said.append
    section = {"loss": {"fft_sizes": [128, 32]}}
    return train(model, job_on(waves(8), waves(4), batch_size=3, train_section=section, say=say))


def test_it_is_measured_as_every_other_and_not_trained(tmp_path):
    trained = measured(write_export(tmp_path / "model.ts"))
    assert trained.seconds == 0 and trained.best_step == 0 and len(trained.history) == 1
    row = trained.history[-1]
    assert row["reconstruction_gap"] == pytest.approx(row["valid_reconstruction"] - row["train_reconstruction_clean"])
    assert 0 < row["valid_reconstruction"] < np.inf and row["step"] == 0


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("constant", "latent dimension 1 is constant"),
        ("codes", "the codes of a discrete RAVE"),
        ("infinite", "latent dimension 0 is constant or not finite"),
    ],
)
def test_latents_that_no_prior_can_follow_are_one_line(kind, message, tmp_path):
    path = write_export(tmp_path / "model.ts", kind=kind)
    with pytest.raises(FlowshotError, match=message) as caught:
        measured(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_an_export_for_streaming_is_told_to_be_late_until_its_delay_is_set(tmp_path):
    path, said = write_export(tmp_path / "model.ts", late=32), []
    late = measured(path, said).history[-1]["valid_reconstruction"]
    assert len(said) == 1 and "clips are 32 samples late" in said[0] and "delay to 32" in said[0]
    assert measured(path, delay=32).history[-1]["valid_reconstruction"] < late


def test_a_delay_is_found_whatever_the_sign_and_not_where_nothing_is_alike():
    clips = torch.randn(3, 400, generator=torch.Generator().manual_seed(0))
    late = torch.nn.functional.pad(clips, (50, 0))[:, :400]
    assert delay_of(clips, -0.1 * late) == 50
    assert delay_of(clips, clips) == 0
    assert delay_of(clips, torch.randn(3, 400, generator=torch.Generator().manual_seed(1))) == 0
    assert delay_of(clips, torch.zeros(3, 400)) == 0
