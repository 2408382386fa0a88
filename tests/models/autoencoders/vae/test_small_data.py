"""What training does about few clips: changed clips, averaged weights, stopping early, and the gap it measures."""

import itertools
import math
import time

import numpy as np
import pytest
import torch
from flowshot.models.autoencoders.vae.averaging import decay_at
from flowshot.training.validation import GAP_CLIPS, evaluate, validate
from hypothesis import given
from hypothesis import strategies as st
from test_loop import LOSS, run, settings, sines, tiny_vae
from torch import nn

from flowshot.clips.batches import EndlessBatches, evenly_spaced
from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.vae import loop
from flowshot.models.autoencoders.vae.loop import copy_weights
from flowshot.training import validation
from flowshot.training.config import AdversarialConfig, AugmentConfig
from flowshot.training.losses import ReconstructionLoss
from flowshot.training.optimizer import scheduled_adam
from flowshot.training.schedules import beta_at, learning_rate_factor

# So high that the validation loss goes up and down.
RESTLESS = {"learning_rate": 0.1, "validate_every": 2, "log_every": 1}


def reconstruction_loss():
    return ReconstructionLoss(LOSS, 16000)


def differing(first, second):
    """Names of the weights that are not equal to the last bit."""
    return [name for name, weight in first.items() if (weight != second[name]).any()]


def without_time(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def test_with_everything_off_training_is_the_plain_loop_to_the_last_bit():
    """Written out here as it was before there was anything to switch on."""
    config, clips, steps = settings(weight_decay=0.0), sines(8), 7
    model, generator = tiny_vae(), torch.Generator().manual_seed(3)
    noise = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    distance = reconstruction_loss()
    for step, batch in enumerate(itertools.islice(EndlessBatches(clips, 4, generator), steps)):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, config.warmup_steps, steps)
        output = model(batch, noise)
        beta = beta_at(step, config.beta, config.beta_warmup_steps)
        optimizer.zero_grad()
        (distance(output.clips, batch)[0].mean() + beta * output.kl.mean()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
    assert differing(run(steps, clips=clips, seed=3, config=config).last, copy_weights(model)) == []


def test_biases_and_scales_do_not_decay():
    layers = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    before = {name: each.detach().clone() for name, each in layers.named_parameters()}
    optimizer, _ = scheduled_adam(layers, settings(weight_decay=0.5, learning_rate=0.1, warmup_steps=0), 10)
    for each in layers.parameters():
        each.grad = torch.zeros_like(each)
    optimizer.step()
    after = dict(layers.named_parameters())
    assert torch.allclose(after["0.weight"], before["0.weight"] * (1 - 0.1 * 0.5))
    assert differing(before, after) == ["0.weight"]


def test_clips_are_changed_in_training_but_come_in_the_same_order(monkeypatch):
    seen = {"off": [], "on": []}
    augment = loop.augment

    def watch(name):
        monkeypatch.setattr(loop, "augment", lambda clips, *rest: seen[name].append(clips) or augment(clips, *rest))

    strengths = AugmentConfig(probability=1.0, speed_semitones=0.5, jitter_seconds=0.001, mix_level=0.3, polarity=True)
    trained = {}
    for name, config in (("off", AugmentConfig()), ("on", strengths)):
        watch(name)
        trained[name] = run(8, config=settings(augment=config))
    assert len(seen["on"]) == 8
    assert all((a == b).all() for a, b in zip(seen["off"], seen["on"], strict=True))
    assert differing(trained["off"].last, trained["on"].last)
    monkeypatch.undo()
    again = run(8, config=settings(augment=strengths))
    assert differing(trained["on"].last, again.last) == []
    assert without_time(trained["on"].history) == without_time(again.history)


def test_validation_does_not_hear_the_changes():
    model, valid, seen = tiny_vae(), sines(5, seed=1), sines(8)
    plain, changed = (
        validate(model, valid, seen, reconstruction_loss(), settings(augment=config), 4)
        for config in (AugmentConfig(), AugmentConfig(probability=1.0, gain_db=20.0, filter_db=12.0))
    )
    assert plain == changed


def test_the_best_weights_are_the_averaged_ones_and_the_last_ones_are_not():
    """The average is computed here from the weights after every step."""
    model, valid, decay = tiny_vae(), sines(5, seed=1), 0.8
    config = settings(average_decay=decay, validate_every=1, log_every=1, learning_rate=0.02)
    averages, weights = [], []

    def average(row):
        weights.append(copy_weights(model))
        kept = decay_at(len(averages), decay)
        last = averages[-1] if averages else weights[0]
        averages.append({name: kept * last[name] + (1 - kept) * weight for name, weight in weights[-1].items()})

    trained = run(10, model=model, valid=valid, config=config, on_row=average)
    by_step = {int(row["step"]): row["valid_loss"] for row in trained.history}
    assert trained.best_step == min(by_step, key=by_step.get)
    for name, weight in averages[trained.best_step - 1].items():
        assert torch.allclose(trained.best[name], weight, atol=1e-5), name
    assert differing(trained.best, weights[trained.best_step - 1])
    for step in (1, 5, 10):
        model.load_state_dict(averages[step - 1])
        row = validate(model, valid, valid, reconstruction_loss(), config, 4)
        assert row["valid_loss"] == pytest.approx(by_step[step], rel=1e-4)
    assert differing(trained.last, run(10, valid=valid, config=settings(learning_rate=0.02)).last) == []


def stopping_step(losses, patience):
    """The first validation behind which `patience` ones, itself included, are no better than the best before them."""
    steps = sorted(losses)
    for i in range(patience, len(steps)):
        before, since = steps[: i - patience + 1], steps[i - patience + 1 : i + 1]
        if min(losses[step] for step in since) >= min(losses[step] for step in before):
            return steps[i]
    return math.inf


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_training_stops_after_exactly_so_many_validations_without_a_better_one(patience):
    # Whether a training stops hangs on its last bits, which differ from machine to machine: so the first one that does.
    for seed in range(20):
        whole = run(40, seed=seed, config=settings(**RESTLESS))
        losses = {int(row["step"]): row["valid_loss"] for row in whole.history if "valid_loss" in row}
        steps = sorted(losses)
        if (stop := stopping_step(losses, patience)) < 40:
            break
    assert stop < 40, "the case is of no use where nothing stops"
    stopped = run(40, seed=seed, config=settings(**RESTLESS, patience=patience))
    assert stopped.history[-1]["step"] == stop
    assert without_time(stopped.history) == without_time(whole.history[: len(stopped.history)])
    assert stopped.best_step == min((s for s in steps if s <= stop), key=losses.get) == stop - 2 * patience
    assert stopped.best_row["valid_loss"] == losses[stopped.best_step]


def test_without_patience_the_whole_budget_is_used():
    assert run(40, config=settings(**RESTLESS)).history[-1]["step"] == 40


def test_patience_does_not_cut_off_an_adversarial_phase():
    adversarial = AdversarialConfig(share=0.1, fft_sizes=(64,), width=4)
    trained = run(40, config=settings(**RESTLESS, patience=1, adversarial=adversarial))
    assert trained.history[-1]["step"] == 40


def test_the_time_of_a_training_that_stopped_is_the_time_it_took():
    start = time.perf_counter()
    stopped = run(4000, config=settings(**RESTLESS, patience=1))
    elapsed = time.perf_counter() - start
    assert stopped.history[-1]["seconds"] <= stopped.seconds <= elapsed
    assert stopped.seconds > 0.5 * elapsed


def test_training_without_a_finite_validation_loss_is_no_training():
    """The one step's gradient is finite, but what it leaves is not."""
    with pytest.raises(FlowshotError, match=r"without a finite validation loss; lower train\.learning_rate"):
        run(1, config=settings(learning_rate=1e30, warmup_steps=0))


def test_the_gap_is_that_of_the_two_reconstructions_and_grows_as_clips_are_learned_by_heart():
    model = tiny_vae(tones=0, noise=False)  # what is drawn at random cannot be learned by heart
    config = settings(validate_every=40, beta=0.001)
    trained = run(80, model=model, clips=sines(2), valid=sines(6, seed=1), config=config)
    rows = [row for row in trained.history if "valid_loss" in row]
    assert len(rows) == 2
    for row in rows:
        assert row["reconstruction_gap"] == row["valid_reconstruction"] - row["train_reconstruction_clean"]
    assert rows[1]["reconstruction_gap"] > max(0.0, rows[0]["reconstruction_gap"])


def test_training_clips_meet_the_same_noise_as_validation_clips():
    clips = sines(7)
    row = validate(tiny_vae(), clips, clips, reconstruction_loss(), settings(), 4)
    assert row["reconstruction_gap"] == 0


def test_the_gap_costs_no_more_than_validation(monkeypatch):
    sizes = []

    def count(model, clips, *rest):
        sizes.append(len(clips))
        return evaluate(model, clips, *rest)

    monkeypatch.setattr(validation, "evaluate", count)
    for valid, train in ((5, 50), (50, 5), (GAP_CLIPS + 9, GAP_CLIPS + 20)):
        validate(tiny_vae(), sines(valid), sines(train), reconstruction_loss(), settings(), 4)
    assert sizes == [5, 5, 50, 5, GAP_CLIPS + 9, GAP_CLIPS]


@given(total=st.integers(1, 300), count=st.integers(1, 300))
def test_a_subset_is_spread_over_the_set(total, count):
    clips = np.arange(total, dtype=np.float32)[:, None]
    rows = evenly_spaced(clips, count)[:, 0]
    assert len(rows) == min(count, total) and rows[0] == 0
    steps = np.diff([*rows, total])
    assert (steps >= math.floor(total / len(rows))).all() and (steps <= math.ceil(total / len(rows))).all()
