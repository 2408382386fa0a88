"""Trainings that are interrupted and go on."""

import itertools

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.optimisation.checkpoint import Checkpoint
from tiny_vae import FLOWS, settings, sines, tiny_vae
from tiny_vae import run as run_training

STEPS = 12
OPTIONS = {
    "plain": {},
    "augment": {"augment": {"jitter_seconds": 0.001, "gain_db": 6.0, "polarity": True}},
    "target_kl": {"target_kl": 3.0},
}


def run(checkpoint, rows=None, flows=True, **options):
    """A training of its own process, as far as random numbers go: weights and generators are made anew."""
    return run_training(
        STEPS, tiny_vae(**(FLOWS if flows else {})), clips=sines(7), config=settings(**options),
        on_row=(lambda row: None) if rows is None else rows.append, checkpoint=checkpoint,
    )  # fmt: skip


def stopping(folder, after, **settings):
    """A checkpoint at whose `after`-th step somebody asks to stop."""
    steps = itertools.count(1)
    return Checkpoint(folder, lambda: next(steps) == after, **settings)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_interrupted_training_ends_bit_for_bit_like_one_that_was_not(name, tmp_path):
    expected = run(Checkpoint(None), **OPTIONS[name])
    for after in (1, 4, 3):  # before and after the first validation
        with pytest.raises(Interrupted):
            run(stopping(tmp_path, after), **OPTIONS[name])
    rows = []
    again = run(Checkpoint(tmp_path), rows, **OPTIONS[name])
    for weights in ("best", "last"):
        expected_weights, weights_again = getattr(expected, weights), getattr(again, weights)
        assert all(torch.equal(value, weights_again[key]) for key, value in expected_weights.items())
    assert again.best_step == expected.best_step
    np.testing.assert_equal(again.history, expected.history)
    assert rows == again.history


def test_the_message_says_how_far_it_is_and_what_to_do(tmp_path):
    with pytest.raises(Interrupted, match="stopped after step 5 of 12; the same command resumes"):
        run(stopping(tmp_path, 5))


def test_a_stop_at_the_last_step_loses_nothing(tmp_path):
    assert run(stopping(tmp_path, STEPS)).history[-1]["step"] == STEPS


def test_the_time_of_the_steps_before_is_counted(tmp_path):
    with pytest.raises(Interrupted):
        run(stopping(tmp_path, 6))
    trained = run(Checkpoint(tmp_path))
    assert [step for step, _ in trained.times] == [row["step"] for row in trained.history]
    assert trained.times == sorted(trained.times)


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


def test_a_stop_says_what_was_kept_before_the_disk_was_full(tmp_path, monkeypatch):
    with pytest.raises(Interrupted, match="nothing could be kept"):
        (tmp_path / "taken").write_text("a file where the folder should be")
        run(stopping(tmp_path / "taken" / "folder", 3))
    with pytest.raises(Interrupted):
        run(stopping(tmp_path / "kept", 2))
    monkeypatch.setattr("os.fsync", raising_full_disk)
    with pytest.raises(Interrupted, match="after step 5 of 12; the same command resumes from an earlier step"):
        run(stopping(tmp_path / "kept", 3))


def raising_full_disk(file):
    raise OSError(28, "No space left on device")


def test_states_are_written_as_often_as_asked_and_leave_no_other_file(tmp_path):
    run(Checkpoint(tmp_path, every_seconds=0.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["previous.pt", "state.pt"]
    run(Checkpoint(tmp_path / "rare", every_seconds=3600.0))
    assert not (tmp_path / "rare").exists()
