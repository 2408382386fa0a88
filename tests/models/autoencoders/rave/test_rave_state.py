"""Trainings of RAVE that are interrupted and go on; what needs the extra is skipped without it."""

import importlib.util
import itertools

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.models.autoencoders.rave.model import RaveAutoencoder, RaveConfig
from flowshot.models.autoencoders.rave.training import train
from flowshot.optimisation.checkpoint import Checkpoint
from training_jobs import job_on

SAMPLES, RATE, STEPS = 3000, 16000, 6
needs_rave = pytest.mark.skipif(importlib.util.find_spec("rave") is None, reason="the extra `rave` is not installed")


def tones(count):
    pitch = np.linspace(0.05, 0.4, count)[:, None]
    return (0.5 * np.sin(pitch * np.arange(SAMPLES)) * np.exp(-np.arange(SAMPLES) / 1000)).astype(np.float32)


def run(checkpoint, rows=None, latent_size=4):
    """A training of its own process, as far as random numbers go: weights and generators are made anew."""
    torch.manual_seed(0)
    config = RaveConfig("v2_small", latent_size, 2, ratios=(4, 4, 4, 2), phase_1_share=0.5, train_samples=32768)
    model = RaveAutoencoder(config, SAMPLES, RATE)
    model.rave.receptive_field += 1  # or RAVE would spend most of the test on it
    keep = (lambda row: None) if rows is None else rows.append
    section = {"log_every": 1, "validate_every": 2}
    return train(
        model, job_on(tones(5), tones(2), steps=STEPS, train_section=section, on_row=keep, checkpoint=checkpoint)
    )


def stopping(folder, after):
    """A checkpoint at whose `after`-th step somebody asks to stop."""
    steps = itertools.count(1)
    return Checkpoint(folder, lambda: next(steps) == after)


@needs_rave
def test_an_interrupted_training_of_rave_ends_bit_for_bit_like_one_that_was_not(tmp_path):
    """Interrupted behind a validation, and in the second phase, where discriminator and decoder take turns."""
    expected = run(Checkpoint(None))
    with pytest.raises(Interrupted, match="stopped after step 2 of 6; the same command resumes from there"):
        run(stopping(tmp_path, 2))
    with pytest.raises(Interrupted, match="stopped after step 5 of 6"):
        run(stopping(tmp_path, 3))
    rows = []
    again = run(Checkpoint(tmp_path), rows)
    assert expected.best.keys() == again.best.keys()
    assert all(torch.equal(value, again.best[name]) for name, value in expected.best.items())
    assert again.history == expected.history
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    seconds = [seconds for _, seconds in again.times]
    assert seconds == sorted(seconds)
    with pytest.raises(FlowshotError, match="no state of this training") as caught:
        run(Checkpoint(tmp_path), latent_size=5)
    assert "\n" not in str(caught.value)
