"""CRASH against its formulas: size, schedules, samplers on exact scores, a toy of two modes, and its two uses."""

import math

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.models.generators.crash.config import CrashConfig, check_crash
from flowshot.models.generators.crash.model import Crash
from flowshot.models.generators.crash.network import NoiseEstimator
from flowshot.models.generators.crash.samplers import Sampler, step_table, times_down
from flowshot.models.generators.crash.schedules import SCHEDULES
from flowshot.models.generators.crash.training import train
from seeded import generator
from training_jobs import job_on

MEAN, DEVIATION = 0.2, 0.3
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def config(**changes):
    values = {
        "channels": (8, 16, 16), "factors": (2, 2), "schedule": "vp_cos", "sampler": "ddim", "sampler_steps": 20,
        "average": 0.99,
    }  # fmt: skip
    return CrashConfig(**(values | changes))


class ExactEstimate(torch.nn.Module):
    """The noise in x where the data are N(MEAN, DEVIATION^2): sigma (x - m mean) / (m^2 v + sigma^2)."""

    def __init__(self, schedule):
        super().__init__()
        self.preserves_variance = schedule.preserves_variance

    def forward(self, x, sigma):
        sigma = sigma.double().unsqueeze(1)
        squared = 1 - (sigma.square() if self.preserves_variance else sigma)
        return (sigma * (x - squared.sqrt() * MEAN) / (squared * DEVIATION**2 + sigma.square())).float()


def drawn(schedule, sampler, steps):
    table = step_table(schedule, sampler, times_down(schedule, 1.0, steps))
    half = torch.randn(100, 1000, generator=generator())
    noise = torch.cat([half, -half])
    return Sampler(ExactEstimate(schedule), table)(noise, generator(1))


def test_the_published_network_has_the_published_size():
    network = NoiseEstimator((32, 128, 128, 256, 512, 512), (2, 2, 3, 5, 5))
    assert sum(parameter.numel() for parameter in network.parameters()) == 15_754_817


def test_the_network_keeps_the_length_and_hears_the_noise_level():
    network, x = NoiseEstimator((4, 8, 8), (3, 5)), torch.randn(2, 60, generator=generator())
    with torch.no_grad():
        quiet, loud = (network(x, torch.full((2,), sigma)) for sigma in (0.1, 0.9))
    assert quiet.shape == (2, 60) and not torch.allclose(quiet, loud)


@every_schedule
def test_drift_and_diffusion_are_those_of_the_noise(schedule):
    """beta = -2 (log m)' and g^2 = (sigma^2)' + beta sigma^2, by finite differences."""
    t, step = torch.linspace(schedule.first + 0.01, schedule.last - 0.01, 500, dtype=torch.double), 1e-6

    def slope(function):
        return (function(t + step) - function(t - step)) / (2 * step)

    beta = -2 * slope(lambda t: schedule.scale(t).log())
    diffusion = slope(lambda t: schedule.sigma(t).square()) + beta * schedule.sigma(t).square()
    torch.testing.assert_close(schedule.slope(t), slope(schedule.sigma), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(schedule.beta(t), beta, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(schedule.diffusion(t), diffusion, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("sampler", "steps", "expected"),
    [("ddim", 50, 0.291), ("ddim", 400, 0.299), ("ancestral", 50, 0.280), ("ancestral", 400, 0.297),
     ("euler", 400, 0.299), ("heun", 50, 0.300)],
)  # fmt: skip
def test_exact_scores_give_the_known_standard_deviations(sampler, steps, expected):
    clips = drawn(SCHEDULES["vp_cos"], sampler, steps)
    assert float(clips.std()) == pytest.approx(expected, abs=0.0011)
    assert float(clips.mean()) == pytest.approx(MEAN, abs=0.002)


@every_schedule
@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "euler", "heun"])
def test_exact_scores_give_back_the_distribution_under_every_schedule(schedule, sampler):
    clips = drawn(schedule, sampler, 100)
    assert float(clips.std()) == pytest.approx(DEVIATION, abs=0.02)
    assert float(clips.mean()) == pytest.approx(MEAN, abs=0.01)


@every_schedule
def test_the_equation_leads_to_noise_and_back(schedule):
    clip = torch.linspace(-0.9, 0.9, 64).expand(2, -1)
    times = torch.linspace(schedule.first + 0.01, schedule.last, 401, dtype=torch.double)
    up, down = (step_table(schedule, "heun", each)[:-1] for each in (times, times.flip(0)))
    exact = ExactEstimate(schedule)
    there = Sampler(exact, up)(clip, generator())
    torch.testing.assert_close(Sampler(exact, down)(there, generator()), clip, atol=2e-3, rtol=0)
    assert not torch.allclose(there, clip, atol=0.1)


class PoorEstimate(torch.nn.Module):
    """Finds a tenth of x to be noise, whatever the level."""

    def forward(self, x, sigma):
        return 0.1 * x


@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "euler", "heun"])
def test_a_bound_holds_the_clips_of_a_poor_estimate_and_leaves_those_of_a_good_one(sampler):
    table = step_table(SCHEDULES["vp_cos"], sampler, times_down(SCHEDULES["vp_cos"], 1.0, 50))
    noise = torch.randn(4, 100, generator=generator())

    def drawn(network, bound):
        return Sampler(network, table, bound)(noise, generator())

    poor, exact = PoorEstimate(), ExactEstimate(SCHEDULES["vp_cos"])
    assert drawn(poor, math.inf).abs().max() > 3 and drawn(poor, 1.0).abs().max() < 1 + 1e-4
    torch.testing.assert_close(drawn(exact, 2.0), drawn(exact, math.inf), atol=1e-4, rtol=0)


def two_modes(count, seed=0):
    """Clips of 4 samples near -0.5 and 0.5."""
    draws = np.random.default_rng(seed)
    level = np.where(np.arange(count) % 2, 0.5, -0.5)[:, None]
    return (level + draws.normal(0, 0.1, (count, 4))).astype(np.float32)


def test_both_modes_of_a_toy_are_learned_and_drawn():
    torch.manual_seed(0)
    model, clips = Crash(config(channels=(16, 32), factors=(2,), average=0.95), 4, 16000), two_modes(256)
    settings = {"precision": "float32", "learning_rate": 3e-3, "warmup_steps": 10, "validate_every": 150}
    found = train(model, job_on(clips, clips[:64], steps=150, batch_size=64, train_section=settings))
    assert found.history[-1]["valid_loss"] < 0.35 < 0.9 < found.history[0]["train_loss"]
    with torch.no_grad():
        drawn = model.sample(64, generator()).mean(1)
    assert (drawn.abs() - 0.5).abs().median() < 0.1
    assert 16 < int((drawn > 0).sum()) < 48


@torch.no_grad()
def test_clips_are_drawn_in_parts_and_near_those_of_float32(monkeypatch):
    torch.manual_seed(0)
    model = Crash(config(), 64, 16000)
    monkeypatch.setattr("flowshot.models.generators.crash.model.is_fast_at_bfloat16", lambda device: True)
    rounded = model.sample(20, generator())
    model.float32 = True
    exact = model.sample(20, generator())
    whole = model.sampler()(torch.randn(20, 64, generator=generator()), generator()).clamp(-1, 1)
    torch.testing.assert_close(exact, whole)
    assert 0 < float((rounded - exact).abs().mean()) < 0.02


def test_a_variation_stays_the_nearer_the_less_noise_it_had():
    torch.manual_seed(0)
    model, clip = Crash(config(), 64, 16000), torch.linspace(-0.5, 0.5, 64)
    with torch.no_grad():
        model.network.last.weight.zero_()  # estimates no noise: what comes back is clip and noise
        apart = [float((model.vary(clip, level, 3, generator()) - clip).abs().mean()) for level in (0.01, 0.1, 0.3)]
    assert apart[0] < 0.01 < apart[1] < apart[2]


@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "heun"])
def test_only_the_region_is_inpainted(sampler):
    torch.manual_seed(0)
    model, clip = Crash(config(sampler=sampler), 64, 16000), torch.linspace(-0.5, 0.5, 64)
    with torch.no_grad():
        found = model.inpaint(clip, 16, 32, 3, generator())
    torch.testing.assert_close(found[:, :16], clip[:16].expand(3, -1))
    torch.testing.assert_close(found[:, 32:], clip[32:].expand(3, -1))
    assert (found[:, 16:32] - clip[16:32]).abs().mean() > 0.05 and not torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    ("samples", "factors"), [(16000, (2, 2, 4, 5, 5)), (44100, (2, 2, 3, 5, 5)), (256, (2, 2, 4, 4, 4))]
)
def test_factors_that_do_not_divide_a_clip_are_one_line_that_says_which_would(samples, factors):
    published = config(channels=(4,) * 6, factors=(2, 2, 3, 5, 5))
    assert samples % math.prod(factors) == 0
    if factors == published.factors:
        return check_crash("crash", published, samples, 16000)
    with pytest.raises(FlowshotError, match=r"300, which does not divide") as caught:
        check_crash("crash", published, samples, 16000)
    assert str(list(factors)) in str(caught.value) and "\n" not in str(caught.value)
