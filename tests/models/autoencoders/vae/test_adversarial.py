"""The second phase of training: its losses by hand, its steps, and what it changes in a training and what not."""

import csv
import json
import math
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.vae.adversarial import (
    Adversary,
    discriminator_loss,
    feature_matching,
    generator_loss,
    train_decoder_alone,
)
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.loop import train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.training.config import AdversarialConfig, BudgetConfig, LossConfig, TrainConfig

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = 256
CPU = torch.device("cpu")
COLUMNS = {"adversarial", "feature_matching", "discriminator", "score_real", "score_fake"}
LATENT = ("encoder.", "heads.", "context.", "posterior_flow.", "prior.")
SMALL = {"fft_sizes": (64, 16), "periods": (2,), "scales": (2,), "width": 4, "warmup_steps": 3}


def sines(count, seed=0):
    """Decaying sines of different pitch, `[count, SAMPLES]`."""
    pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
    time = np.arange(SAMPLES)
    return (0.8 * np.sin(2 * np.pi * pitch * time) * np.exp(-time / 80)).astype(np.float32)


def tiny_vae(**changes):
    torch.manual_seed(0)
    # Not a default, on which the courses below would depend: some are of use only while the loss goes up and down.
    values = {"bands": 4, "latent_size": 4, "channels": (8, 8), "strides": (4, 4), "upsampling": "linear"}
    values |= {"flow_layers": 1, "flow_width": 8}
    return VAE(VAEConfig(**{**values, **changes}), SAMPLES)


def run(steps=8, model=None, callbacks=None, rate=5e-3, seed=0, **adversarial):
    config = TrainConfig(
        beta_warmup_steps=5, warmup_steps=2, log_every=1, validate_every=1, precision="float32", learning_rate=rate,
        loss=LossConfig(fft_sizes=(128, 32)), adversarial=AdversarialConfig(**{**SMALL, **adversarial}),
    )  # fmt: skip
    return train(
        model or tiny_vae(), sines(8), sines(5, seed=1), 16000, config, BudgetConfig(steps, 4),
        torch.Generator().manual_seed(seed), **(callbacks or {}),
    )  # fmt: skip


def without_time(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.mark.parametrize(
    ("kind", "real", "fake", "expected"),
    [
        ("hinge", [0.0, 0.0], [0.0, 0.0], 2.0),
        ("hinge", [1.0, 5.0], [-1.0, -7.0], 0.0),  # beyond the margins nothing is gained
        ("hinge", [2.0, 0.5], [-3.0, 1.0], 0.25 + 1.0),
        ("least_squares", [0.0, 0.0], [0.0, 0.0], 1.0),
        ("least_squares", [1.0, 1.0], [0.0, 0.0], 0.0),
        ("least_squares", [3.0, 1.0], [1.0, -2.0], 2.0 + 2.5),  # and here it costs
    ],
)
def test_the_discriminators_loss_is_what_a_hand_computes(kind, real, fake, expected):
    assert float(discriminator_loss(torch.tensor(real), torch.tensor(fake), kind)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "fake", "expected"),
    [("hinge", [2.0, -1.0], -0.5), ("least_squares", [1.0, 1.0], 0.0), ("least_squares", [3.0, 0.0], 2.5)],
)
def test_the_decoders_loss_is_what_a_hand_computes(kind, fake, expected):
    assert float(generator_loss(torch.tensor(fake), kind)) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_discriminator_and_decoder_pull_the_logits_of_decoded_clips_apart(kind):
    real, fake = torch.tensor([0.5], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    discriminator_loss(real, fake, kind).backward()
    assert real.grad < 0 < fake.grad, "descending raises the logits of real clips and lowers those of decoded ones"
    fake = torch.tensor([0.5], requires_grad=True)
    generator_loss(fake, kind).backward()
    assert fake.grad < 0


def test_feature_matching_weighs_every_layer_by_its_size_on_real_clips():
    real = [torch.tensor([1.0, -3.0]), torch.tensor([100.0, 100.0])]
    fake = [torch.tensor([2.0, -3.0]), torch.tensor([100.0, 50.0])]
    assert float(feature_matching(real, fake)) == pytest.approx((0.5 / 2 + 25 / 100) / 2, rel=1e-4)
    assert float(feature_matching(real, real)) == 0
    larger = [real[0], 1000 * real[1]], [fake[0], 1000 * fake[1]]
    assert float(feature_matching(*larger)) == pytest.approx(float(feature_matching(real, fake)), rel=1e-4)
    assert math.isfinite(float(feature_matching([torch.zeros(3)], [torch.ones(3)])))


def scores_after(steps, fake_clips, kind="hinge"):
    """The terms of the first and of the last of `steps` steps, real clips being decaying sines."""
    config = AdversarialConfig(**SMALL, share=1.0, freeze_encoder=False, loss=kind, learning_rate=5e-3)
    adversary = Adversary(config, steps, CPU, seed=0)
    batches = [(torch.from_numpy(sines(8, seed=step)), fake_clips(step)) for step in range(steps)]
    terms = [adversary.step(real, fake, step)[1] for step, (real, fake) in enumerate(batches)]
    return terms[0], terms[-1]


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_two_distributions_that_differ_in_their_sound_are_told_apart_in_a_few_steps(kind):
    """Tones against noise of about the same level."""
    generator = torch.Generator().manual_seed(0)
    first, last = scores_after(30, lambda step: 0.2 * torch.randn(8, SAMPLES, generator=generator), kind)
    assert last["discriminator"] < 0.5 * first["discriminator"]
    assert last["score_real"] - last["score_fake"] > (1.0 if kind == "hinge" else 0.5)


def test_one_distribution_is_not_told_apart():
    _, last = scores_after(30, lambda step: torch.from_numpy(sines(8, seed=1000 + step)))
    assert abs(float(last["score_real"] - last["score_fake"])) < 0.3 and last["discriminator"] > 1.5


def test_the_decoders_terms_grow_from_nothing_over_the_warm_up():
    config = AdversarialConfig(**SMALL, share=0.5, adversarial=3.0, feature_matching=2.0)
    adversary = Adversary(config, 20, CPU, seed=0)
    assert [adversary.acts(step) for step in (0, 9, 10, 19)] == [False, False, True, True]
    assert [adversary.weight(step) for step in (10, 11, 12, 19)] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    real = torch.from_numpy(sines(4))
    for step in (10, 15):
        loss, terms = adversary.step(real, 0.5 * real, step)
        expected = 3.0 * terms["adversarial"] + 2.0 * terms["feature_matching"]
        assert float(loss) == pytest.approx(adversary.weight(step) * float(expected), rel=1e-4)


def test_the_decoders_gradient_passes_the_discriminators_and_stays_in_the_clips():
    adversary = Adversary(AdversarialConfig(**SMALL, share=0.5, learning_rate=1e-12), 20, CPU, seed=0)
    real = torch.from_numpy(sines(4))
    fake = (0.5 * real).requires_grad_()
    loss, _ = adversary.step(real, fake, 15)
    taught = [parameter.grad.clone() for parameter in adversary.discriminators.parameters()]
    loss.backward()
    assert fake.grad.abs().max() > 0
    for before, parameter in zip(taught, adversary.discriminators.parameters(), strict=True):
        assert torch.equal(before, parameter.grad)
    # One small step along the gradient does better.
    step = 1e-4 * fake.grad / fake.grad.norm()
    again = Adversary(adversary.config, 20, CPU, seed=0)
    assert float(again.step(real, (fake - step).detach(), 15)[0]) < float(loss.detach())


def test_real_and_decoded_clips_carry_the_same_noise():
    """So decoded clips that are equal to the real ones have equal features."""
    adversary = Adversary(AdversarialConfig(**SMALL, share=0.5, noise=0.1), 20, CPU, seed=0)
    real = torch.from_numpy(sines(4))
    _, terms = adversary.step(real, real.clone(), 15)
    assert float(terms["feature_matching"]) == 0
    assert float(terms["score_real"]) == float(terms["score_fake"])
    silent = Adversary(AdversarialConfig(**SMALL, share=0.5, noise=0.0), 20, CPU, seed=0)
    assert float(silent.step(real, real.clone(), 15)[1]["score_real"]) != float(terms["score_real"])


def test_the_latent_is_frozen_bit_for_bit_while_the_decoder_moves():
    kept = {}
    model = tiny_vae(posterior_flow="iaf", prior_flow="nsf")

    def at_the_start_of_the_phase(row):
        if row["step"] == 4:
            kept.update({name: weight.clone() for name, weight in model.state_dict().items()})

    trained = run(8, model, {"on_row": at_the_start_of_the_phase}, share=0.5, freeze_encoder=True)
    frozen = {name for name in kept if name.startswith(LATENT)}
    assert frozen and {name for name in kept if not name.startswith("decoder.")} == frozen
    for name in frozen:
        assert torch.equal(trained.last[name], kept[name]), name
    moved = [name for name, parameter in model.decoder.named_parameters()
             if not torch.equal(trained.last[f"decoder.{name}"], kept[f"decoder.{name}"])]  # fmt: skip
    assert len(moved) == len(list(model.decoder.parameters()))
    assert all(parameter.requires_grad for parameter in model.parameters()), "it may be trained again"


def test_without_freezing_all_goes_on_to_move():
    kept = {}
    model = tiny_vae(posterior_flow="iaf", prior_flow="nsf")
    keep = {"on_row": lambda row: kept.setdefault(row["step"], {n: w.clone() for n, w in model.state_dict().items()})}
    trained = run(8, model, keep, share=0.5, freeze_encoder=False)
    for part in ("encoder.", "heads.", "posterior_flow.", "prior.", "decoder."):
        assert any(not torch.equal(trained.last[n], w) for n, w in kept[4.0].items() if n.startswith(part)), part


def test_frozen_parts_have_no_gradient_and_the_divergence_still_counts():
    model = tiny_vae(prior_flow="nsf")
    train_decoder_alone(model, AdversarialConfig())
    output = model(torch.from_numpy(sines(2)), torch.Generator().manual_seed(0))
    assert not output.kl.requires_grad and (output.kl > 0).all() and output.clips.requires_grad


def test_training_up_to_the_phase_is_the_same_bit_for_bit_whether_one_follows_or_not():
    without, followed = run(8, share=0.0), run(8, share=0.5)
    assert without_time(without.history)[:4] == without_time(followed.history)[:4]
    assert not any(COLUMNS & set(row) for row in without.history + followed.history[:4])
    assert without_time(without.history)[5] != without_time(followed.history)[5]


def test_what_the_discriminators_are_changes_nothing_while_the_phase_is_off():
    plain, other = run(6), run(6, periods=(3, 5), width=8, noise=0.5, learning_rate=1.0)
    assert without_time(plain.history) == without_time(other.history)
    assert all(torch.equal(weight, other.last[name]) for name, weight in plain.last.items())


def test_the_phase_repeats_itself_and_does_not_depend_on_the_global_generator():
    model = tiny_vae()
    torch.manual_seed(123)
    first = run(8, model, share=0.5)
    model = tiny_vae()
    torch.manual_seed(456)
    again = run(8, model, share=0.5)
    assert without_time(first.history) == without_time(again.history)
    assert all(torch.equal(weight, again.last[name]) for name, weight in first.last.items())


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_the_phase_has_its_curves_and_the_old_ones_mean_what_they_did(kind):
    trained = run(8, share=0.5, loss=kind)
    for row in trained.history[4:]:
        assert set(row) >= COLUMNS and all(math.isfinite(value) for value in row.values())
        assert row["train_loss"] == pytest.approx(row["train_reconstruction"] + row["beta"] * row["train_kl"], rel=1e-4)


def test_behind_a_phase_the_best_weights_are_the_last_whatever_validation_says():
    """With a learning rate so high that the loss goes up and down, and a seed with which it ends up."""
    for seed in range(20):  # which seed does depends on the last bit, and so on the machine
        improvements = []
        callbacks = {"on_best": lambda weights, step, steps=improvements: steps.append(step)}
        trained = run(12, callbacks=callbacks, rate=0.1, seed=seed, share=0.25)
        valid = {int(row["step"]): row["valid_loss"] for row in trained.history}
        if min(valid, key=valid.get) < 12:
            break
    assert min(valid, key=valid.get) < 12, "the case is of no use where the last step has the lowest loss"
    assert trained.best_step == 12
    assert all(torch.equal(trained.best[name], weight) for name, weight in trained.last.items())
    assert improvements[-3:] == [10, 11, 12]


def test_a_share_that_rounds_to_no_step_leaves_the_phase_out():
    trained = run(4, share=0.1)
    assert not any(COLUMNS & set(row) for row in trained.history)


def test_discriminators_that_diverge_stop_training_with_one_line_and_good_weights_are_kept():
    kept = []
    callbacks = {"on_best": lambda weights, step: kept.append((step, weights))}
    with pytest.raises(FlowshotError) as caught:
        run(12, callbacks=callbacks, share=0.5, learning_rate=1e30, loss="least_squares")
    message = str(caught.value)
    assert "\n" not in message and "not finite" in message
    for term in ("train_loss", "train_reconstruction", *COLUMNS):
        assert term in message
    assert kept and all(torch.isfinite(weight).all() for _, weights in kept for weight in weights.values())


@pytest.fixture
def workplace(tone_project):
    """A project with the autoencoder `adversarial` as the committed parameters name it, in half of its few steps."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    entry = params["autoencoders"]["adversarial"]
    entry["train"]["adversarial"]["share"] = 0.5
    return tone_project("adversarial", entry, {"steps": 6, "batch_size": 4}, validate_every=2, log_every=1)


def test_the_stage_trains_with_the_phase_as_the_committed_parameters_name_it(workplace, train_stage):
    result = train_stage(workplace, "adversarial")
    assert result.returncode == 0, result.stderr
    model = workplace / "models/tones/adversarial/0"
    with (model / "history.csv").open(newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    assert len(history) == 6 and set(history[0]) >= COLUMNS
    assert all(not row[name] for row in history[:3] for name in COLUMNS)
    assert all(math.isfinite(float(row[name])) for row in history[3:] for name in COLUMNS)
    assert json.loads((model / "diagnostics.json").read_text(encoding="utf-8"))["best_step"] == 6
    with sqlite3.connect(workplace / "mlflow.db") as database:
        curves = database.execute("select key, step from metrics where key like 'training/%'").fetchall()
    assert {(f"training/{name}", step) for name in COLUMNS for step in (4, 5, 6)} <= set(curves)
