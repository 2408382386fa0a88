"""AFTER beyond what every prior must do: what each stage teaches, guidance, and planted timbre and structure."""

import math

import pytest
import torch
from torch import nn

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.priors.after import AfterPrior, AfterPriorConfig, cosine_distance
from flowshot.priors.base import held_out_nats
from seeded import generator

DIMENSIONS, FRAMES = 4, 6


def small_prior(**changes):
    torch.manual_seed(0)
    values = {"timbre": 2, "structure": 2, "layers": 1, "width": 32, "steps": 4, "batch_size": 64, "solver_steps": 8}
    return AfterPrior(default(AfterPriorConfig, "fit_prior.after", **{**values, **changes}), DIMENSIONS, FRAMES)


def planted(count, seed=0):
    """Two dimensions are one point of a circle for all frames, the timbre; two are events, which differ by frame."""
    g = generator(seed)
    angle = 2 * math.pi * torch.rand(count, generator=g)
    timbre = torch.stack([angle.cos(), angle.sin()], 1)[..., None].expand(-1, -1, FRAMES)
    events = torch.randint(0, 2, (count, 2, FRAMES), generator=g) * 2.0 - 1
    noise = 0.05 * torch.randn(count, DIMENSIONS, FRAMES, generator=g)
    return (torch.cat([timbre, events], 1) + noise).flatten(1)


def parts(latents):
    """Timbre `[n, 2]` and events `[n, 2, FRAMES]`, read off."""
    framed = latents.unflatten(1, (DIMENSIONS, FRAMES))
    return framed[:, :2].mean(2), framed[:, 2:]


def gradients(prior, stage):
    """The parts of the networks that a step of a stage gives a gradient."""
    prior.networks.taken.fill_(0 if stage == 1 else prior.config.steps)
    latents = torch.randn(32, DIMENSIONS, FRAMES, generator=generator())
    prior.networks.zero_grad(set_to_none=True)
    prior.loss(latents, *prior._draws(32, generator(1))).backward()
    return {name.split(".")[0] for name, each in prior.networks.named_parameters() if each.grad is not None}


def stirred(prior):
    with torch.no_grad():
        for parameter in prior.networks.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator(3)))
    return prior


def test_the_first_stage_teaches_no_structure_and_the_second_leaves_the_timbre_as_it_is():
    prior = stirred(small_prior())
    assert gradients(prior, 1) == {"timbre", "velocity"}
    assert gradients(prior, 2) == {"structure", "velocity", "adversary"}


def test_what_the_adversary_learns_moves_no_encoder_and_what_is_hidden_from_it_moves_no_adversary():
    prior = stirred(small_prior())
    prior.networks.taken.fill_(4)
    latents, draws = torch.randn(32, DIMENSIONS, FRAMES, generator=generator()), prior._draws(32, generator(1))
    found = []
    for weight in (1e-9, 1.0):
        prior.config = type(prior.config)(**{**vars(prior.config), "adversary": weight})
        prior.networks.zero_grad(set_to_none=True)
        prior.loss(latents, *draws).backward()
        found.append(
            {name: each.grad.clone() for name, each in prior.networks.named_parameters() if each.grad is not None}
        )
    flow_only = stirred(small_prior())
    flow_only.networks.taken.fill_(4)
    flow_only.flow_loss(latents, *draws).backward()
    for name, expected in flow_only.networks.named_parameters():
        if name.startswith(("structure", "velocity")):
            torch.testing.assert_close(found[0][name], expected.grad, atol=1e-6, rtol=1e-4)
        if name.startswith("adversary"):
            assert expected.grad is None and torch.equal(found[0][name], found[1][name])
    assert any(not torch.allclose(found[0][name], found[1][name]) for name in found[0] if name.startswith("structure"))


def test_a_guidance_of_1_and_1_is_the_conditional_field_and_more_follows_the_codes_more():
    prior = stirred(small_prior())
    points, times = torch.randn(5, DIMENSIONS, FRAMES, generator=generator()), torch.full((5,), 0.4)
    timbre, structure = torch.randn(5, 2, generator=generator(1)), torch.randn(5, 2, FRAMES, generator=generator(2))
    told = prior._velocity(points, times, timbre, structure)
    torch.testing.assert_close(prior.guided(points, times, timbre, structure), told, atol=1e-5, rtol=1e-5)
    both = {"guidance_timbre": 2.0, "guidance_structure": 2.0}
    prior.config = type(prior.config)(**{**vars(prior.config), **both})
    free = prior._velocity(points, times, 0 * timbre, 0 * structure)
    expected = free + 2 * (told - free)
    torch.testing.assert_close(prior.guided(points, times, timbre, structure), expected, atol=1e-5, rtol=1e-5)


def test_structure_is_causal_and_timbre_is_not():
    prior = stirred(small_prior())
    latents = torch.randn(3, DIMENSIONS, FRAMES, generator=generator())
    later = latents.clone()
    later[:, :, 4:] += 1
    before, after = (prior.networks.structure(each) for each in (latents, later))
    torch.testing.assert_close(before[:, :, :4], after[:, :, :4])
    assert not torch.allclose(before[:, :, 4:], after[:, :, 4:])
    turned = latents[:, :, torch.randperm(FRAMES, generator=generator(4))]
    torch.testing.assert_close(prior.networks.timbre(latents), prior.networks.timbre(turned), atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def trained():
    settings = {"steps": 500, "timbre_share": 0.3, "learning_rate": 4e-3, "batch_size": 128}
    prior = small_prior(**settings)
    prior.fit(planted(3000), planted(300, 1), generator(2))
    return prior


def test_a_transfer_takes_timbre_from_one_and_events_from_the_other(trained):
    a, b = planted(400, 3), planted(400, 4)
    made = trained.transfer(a, b, generator(5))
    (timbre, events), (of_a, other_events), (other_timbre, of_b) = map(parts, (made, a, b))

    def agreement(found, expected):
        return float(torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1])

    found = {
        "timbre of a": agreement(timbre, of_a), "timbre of b": agreement(timbre, other_timbre),
        "events of a": agreement(events, other_events), "events of b": agreement(events, of_b),
    }  # fmt: skip
    assert found["timbre of a"] > 0.8 and abs(found["timbre of b"]) < 0.3
    assert found["events of b"] > 0.8 and abs(found["events of a"]) < 0.15


def test_at_the_end_an_adversary_finds_hardly_any_timbre_in_the_structure(trained):
    """A new one, which learns from what the structure encoder gives in the end; 1 is chance."""
    with torch.no_grad():
        latents, held_out = (trained._standardised(planted(count, seed)) for count, seed in ((3000, 6), (1000, 7)))
        (structure, judged), (timbre, wanted) = (
            [encode(each) for each in (latents, held_out)]
            for encode in (trained.networks.structure, trained.networks.timbre)
        )

    def error(inputs, held_out_inputs):
        torch.manual_seed(1)
        probe = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 64), nn.SiLU(), nn.Linear(64, 2))
        optimizer = torch.optim.Adam(probe.parameters(), lr=5e-3)
        for _ in range(150):
            optimizer.zero_grad()
            cosine_distance(probe(inputs), timbre).backward()
            optimizer.step()
        return float(cosine_distance(probe(held_out_inputs), wanted).detach())

    of_structure, of_all = error(structure, judged), error(latents, held_out)
    assert of_all < 0.1 < 0.7 < of_structure


def test_one_vector_is_refused_and_there_is_no_density():
    with pytest.raises(
        FlowshotError, match="needs a latent with several frames, such as rave's; this autoencoder encodes a clip"
    ):
        AfterPrior(small_prior().config, 24)
    nats = held_out_nats(small_prior(), torch.zeros(3, 2, 24), ["a", "b", "c"], 0.95)
    assert nats == {"prior_nats": None, "ci_low": None, "ci_high": None, "n": 3, "dimensions": 24}


PARTS = ("timbre_share", "adversary", "dropout", "timbre_noise", "structure_noise")


def test_each_part_can_be_left_out_by_a_zero():
    prior = small_prior(**dict.fromkeys(PARTS, 0.0))
    prior.fit(planted(100), planted(20, 1), generator(2))
    assert not prior.first_stage and torch.isfinite(prior.sample(5, generator())).all()


@pytest.mark.parametrize("name", PARTS)
def test_a_negative_part_is_named(name):
    with pytest.raises(FlowshotError, match=f"{name} must not be negative, found -0.1"):
        small_prior(**{name: -0.1})


@pytest.mark.parametrize("name", ["timbre", "guidance_structure"])
def test_what_cannot_be_zero_is_named(name):
    with pytest.raises(FlowshotError, match=f"{name} must be above 0, found 0"):
        small_prior(**{name: 0})
