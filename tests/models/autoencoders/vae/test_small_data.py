"""What training does about few clips: changed clips, and the gap it measures."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowshot.clips.batches import EndlessBatches, evenly_spaced
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.validation import validate
from flowshot.optimisation.progress import copy_weights, learning_rate_factor
from flowshot.training import loop
from flowshot.training.latent_loss import beta_at
from flowshot.training.losses import ReconstructionLoss
from tiny_vae import LOSS, run, settings, sines, tiny_vae


def reconstruction_loss():
    return ReconstructionLoss(LOSS, 16000)


def differing(first, second):
    """Names of the weights that are not equal to the last bit."""
    return [name for name, weight in first.items() if (weight != second[name]).any()]


def test_with_everything_off_training_is_the_plain_loop_to_the_last_bit():
    """Written out here as it was before there was anything to switch on."""
    config, clips, steps = settings(), sines(8), 7
    model, generator = tiny_vae(), torch.Generator().manual_seed(3)
    noise = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
    distance = reconstruction_loss()
    for step, batch in enumerate(itertools.islice(EndlessBatches(clips, 4, generator), steps)):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, config.warmup_steps, steps)
        output = model(batch, noise)
        beta = beta_at(step, config.beta, config.beta_warmup_steps)
        optimizer.zero_grad()
        loss = distance(output.clips, batch)[0].mean() + output.extra_loss.mean() + beta * output.kl.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
    assert differing(run(steps, clips=clips, seed=3, config=config).last, copy_weights(model)) == []


def test_clips_are_changed_in_training_but_come_in_the_same_order(monkeypatch):
    seen = {"off": [], "on": []}
    augment = loop.augment

    def watch(name):
        monkeypatch.setattr(loop, "augment", lambda clips, *rest: seen[name].append(clips) or augment(clips, *rest))

    strengths = {"probability": 1.0, "speed_semitones": 0.5, "jitter_seconds": 0.001, "polarity": True}
    trained = {}
    for name, config in (("off", {}), ("on", strengths)):
        watch(name)
        trained[name] = run(8, config=settings(augment=config))
    assert len(seen["on"]) == 8
    assert all((a == b).all() for a, b in zip(seen["off"], seen["on"], strict=True))
    assert differing(trained["off"].last, trained["on"].last)
    monkeypatch.undo()
    again = run(8, config=settings(augment=strengths))
    assert differing(trained["on"].last, again.last) == []
    assert trained["on"].history == again.history


def test_validation_does_not_hear_the_changes():
    model, valid, seen = tiny_vae(), sines(5, seed=1), sines(8)
    plain, changed = (
        validate(model, valid, seen, reconstruction_loss(), settings(augment=config), 4)
        for config in ({}, {"probability": 1.0, "gain_db": 20.0, "filter_db": 12.0})
    )
    assert plain == changed


def test_training_without_a_finite_validation_loss_is_no_training():
    """The one step's gradient is finite, but what it leaves is not."""
    with pytest.raises(FlowshotError, match=r"without a finite validation loss; lower train\.learning_rate"):
        run(1, config=settings(learning_rate=1e30, warmup_steps=0))


def test_the_gap_is_that_of_the_two_reconstructions_and_grows_as_clips_are_learned_by_heart():
    config = settings(validate_every=40, beta=0.001)
    trained = run(80, clips=sines(2), valid=sines(6, seed=1), config=config)
    rows = [row for row in trained.history if "valid_loss" in row]
    assert len(rows) == 2
    for row in rows:
        assert row["reconstruction_gap"] == row["valid_reconstruction"] - row["train_reconstruction_clean"]
    assert rows[1]["reconstruction_gap"] > max(0.0, rows[0]["reconstruction_gap"])


def test_training_clips_meet_the_same_noise_as_validation_clips():
    clips = sines(7)
    row = validate(tiny_vae(), clips, clips, reconstruction_loss(), settings(), 4)
    assert row["reconstruction_gap"] == 0


@given(total=st.integers(1, 300), count=st.integers(1, 300))
def test_a_subset_is_spread_over_the_set(total, count):
    clips = np.arange(total, dtype=np.float32)[:, None]
    rows = evenly_spaced(clips, count)[:, 0]
    assert len(rows) == min(count, total) and rows[0] == 0
    steps = np.diff([*rows, total])
    assert (steps >= math.floor(total / len(rows))).all() and (steps <= math.ceil(total / len(rows))).all()
