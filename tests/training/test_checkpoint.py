"""Trainings that are interrupted and go on."""

import itertools
import time

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.loop import train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import Checkpoint, GeneratorState
from flowshot.training.config import AdversarialConfig, AugmentConfig, BudgetConfig, LossConfig, TrainConfig

SAMPLES, STEPS = 256, 12
ADVERSARIAL = AdversarialConfig(share=0.5, fft_sizes=(64,), width=2)
OPTIONS = {
    "plain": {},
    "average": {"average_decay": 0.9},
    "augment": {"augment": AugmentConfig(mix_level=0.3, gain_db=6.0, polarity=True)},
    "target_kl": {"target_kl": 3.0},
    "aggressive": {"aggressive_steps": 2},
    "adversarial": {"adversarial": ADVERSARIAL},
}


def sines(count, seed=0):
    pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
    return (0.8 * np.sin(2 * np.pi * pitch * np.arange(SAMPLES))).astype(np.float32)


def run(checkpoint, rows=None, flows=True, **options):
    """A training of its own process, as far as random numbers go: weights and generators are made anew."""
    torch.manual_seed(0)
    kinds = {"posterior_flow": "iaf", "prior_flow": "nsf"} if flows else {}
    shape = {"bands": 4, "latent_size": 4, "channels": (8, 8), "strides": (4, 4), "flow_layers": 1, "flow_width": 8}
    config = TrainConfig(
        beta_warmup_steps=5, warmup_steps=2, log_every=3, validate_every=4, precision="float32",
        loss=LossConfig(fft_sizes=(128, 32)), **options,
    )  # fmt: skip
    return train(
        VAE(VAEConfig(**shape, **kinds), SAMPLES), sines(7), sines(5, seed=1), 16000, config,
        BudgetConfig(STEPS, batch_size=4), torch.Generator().manual_seed(0),
        on_row=(lambda row: None) if rows is None else rows.append, checkpoint=checkpoint,
    )  # fmt: skip


def stopping(folder, after, **settings):
    """A checkpoint at whose `after`-th step somebody asks to stop."""
    steps = itertools.count(1)
    return Checkpoint(folder, lambda: next(steps) == after, **settings)


def without_time(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.mark.parametrize("name", OPTIONS)
def test_an_interrupted_training_ends_bit_for_bit_like_one_that_was_not(name, tmp_path):
    expected = run(Checkpoint(None), **OPTIONS[name])
    for after in (1, 4, 3):  # before and after the first validation and the start of the second phase
        with pytest.raises(Interrupted):
            run(stopping(tmp_path, after), **OPTIONS[name])
    rows = []
    again = run(Checkpoint(tmp_path), rows, **OPTIONS[name])
    for weights in ("best", "last"):
        expected_weights, weights_again = getattr(expected, weights), getattr(again, weights)
        assert all(torch.equal(value, weights_again[key]) for key, value in expected_weights.items())
    assert again.best_step == expected.best_step
    np.testing.assert_equal(without_time(again.history), without_time(expected.history))
    assert rows == again.history


def test_the_message_says_how_far_it_is_and_what_to_do(tmp_path):
    with pytest.raises(Interrupted, match="stopped after step 5 of 12; the same command goes on"):
        run(stopping(tmp_path, 5))


def test_a_stop_at_the_last_step_loses_nothing(tmp_path):
    assert run(stopping(tmp_path, STEPS)).history[-1]["step"] == STEPS


def test_the_time_of_the_steps_before_is_counted(tmp_path):
    with pytest.raises(Interrupted):
        run(stopping(tmp_path, 6))
    seconds = [row["seconds"] for row in run(Checkpoint(tmp_path)).history]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"", lambda content: b"x" * 5000])
def test_a_damaged_state_is_said_and_the_one_before_it_used(damage, tmp_path):
    expected, said = run(Checkpoint(None)), []
    with pytest.raises(Interrupted):
        run(stopping(tmp_path, 7, every_seconds=0.0))
    newest = tmp_path / "state.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    again = run(Checkpoint(tmp_path, say=said.append))
    assert len(said) == 1
    assert "damaged" in said[0]
    assert all(torch.equal(value, again.last[key]) for key, value in expected.last.items())


def test_a_state_of_another_model_is_one_line(tmp_path):
    with pytest.raises(Interrupted):
        run(stopping(tmp_path, 2))
    with pytest.raises(FlowshotError, match="no state of this training") as caught:
        run(Checkpoint(tmp_path), flows=False)
    assert "\n" not in str(caught.value)


def test_a_disk_that_is_full_costs_the_checkpoint_and_not_the_training(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    said = []
    trained = run(Checkpoint(tmp_path / "taken" / "folder", every_seconds=0.0, say=said.append))
    assert trained.history[-1]["step"] == STEPS
    assert len(said) == 1


def test_states_are_written_as_often_as_asked_and_leave_no_other_file(tmp_path):
    run(Checkpoint(tmp_path, every_seconds=0.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["previous.pt", "state.pt"]
    run(Checkpoint(tmp_path / "rare", every_seconds=3600.0))
    assert not (tmp_path / "rare").exists()


def test_a_clock_that_jumps_neither_floods_the_disk_nor_ends_the_checkpoints(tmp_path, monkeypatch):
    year, jumps = 365 * 86400, itertools.count()
    monkeypatch.setattr(time, "time", lambda: year * (50 + (-1) ** next(jumps)))
    monkeypatch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))
    seconds = [row["seconds"] for row in run(Checkpoint(tmp_path / "rare", every_seconds=3600.0)).history]
    assert not (tmp_path / "rare").exists()
    assert seconds == sorted(seconds) and 0 < seconds[-1] < 3600
    run(Checkpoint(tmp_path / "often", every_seconds=0.0))
    assert (tmp_path / "often/state.pt").exists()


def test_a_generator_draws_again_what_it_drew():
    generator = torch.Generator().manual_seed(3)
    state = GeneratorState(generator).state_dict()
    first = torch.rand(4, generator=generator)
    GeneratorState(generator).load_state_dict(state)
    assert torch.equal(first, torch.rand(4, generator=generator))
