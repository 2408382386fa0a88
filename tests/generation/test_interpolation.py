from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.densities.distributions import Prior
from flowshot.densities.flows import Flow
from flowshot.generation.interpolation import great_circle, interpolate, interpolate_latents
from flowshot.models.autoencoders.vae.vae import VAE
from tiny_vae import tiny_config

SAMPLES = 1024
SMALL = tiny_config(flow_layers=2, prior_flow="nsf")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bent_prior(size: int) -> Prior:
    """A prior whose flow is not the identity it starts as."""
    torch.manual_seed(3)
    flow = Flow("nsf", size, layers=2, width=16)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return Prior(size, flow)


@given(size=st.integers(2, 64), steps=st.integers(2, 9), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=50)
def test_lengths_stay_between_those_of_the_ends_and_angles_are_equal(size, steps, seed):
    first, second = torch.randn(2, size, generator=generator(seed), dtype=torch.float64)
    path = great_circle(first, second, steps)
    assert path.shape == (steps, size)
    assert torch.allclose(path[0], first) and torch.allclose(path[-1], second)
    lengths = path.norm(dim=1)
    assert torch.allclose(lengths, torch.linspace(lengths[0], lengths[-1], steps, dtype=torch.float64))
    directions = path / lengths[:, None]
    angles = torch.arccos((directions[1:] * directions[:-1]).sum(1).clamp(-1, 1))
    assert torch.allclose(angles, angles[:1].expand(steps - 1), atol=1e-5)


def test_the_middle_of_two_draws_is_as_typical_of_the_prior_as_they_are():
    """Where the middle of the straight line lies inside of all draws."""
    draws = torch.randn(2, 200, 64, generator=generator())
    shortest = float(draws.norm(dim=-1).min())
    middles = torch.stack([great_circle(first, second, 3)[1] for first, second in zip(*draws, strict=True)])
    assert float(middles.norm(dim=-1).min()) >= shortest
    assert float(((draws[0] + draws[1]) / 2).norm(dim=-1).median()) < shortest


@pytest.mark.parametrize("other", [[0.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
def test_vectors_on_one_line_are_joined_by_it(other):
    first, second = torch.tensor([1.0, 0.0]), torch.tensor(other)
    assert torch.allclose(great_circle(first, second, 3)[1], (first + second) / 2)


def test_with_a_flow_the_walk_is_a_great_circle_of_its_base_space():
    prior = bent_prior(6)
    first, second = prior.sample(2, generator())
    path = interpolate_latents(prior, first, second, 5)
    assert torch.equal(path[0], first) and torch.equal(path[-1], second)
    with torch.no_grad():
        base, _ = prior.flow.to_base(path)
    assert torch.allclose(base, great_circle(base[0], base[-1], 5), atol=1e-4)
    assert not torch.allclose(path, great_circle(first, second, 5), atol=1e-2)


@pytest.mark.parametrize("flow", ["none", "nsf"])
def test_the_ends_are_the_reconstructions_of_both_clips(flow):
    torch.manual_seed(0)
    model = VAE(replace(SMALL, prior_flow=flow), SAMPLES, 16000).eval()
    first, second = 0.5 * np.random.default_rng(0).standard_normal((2, SAMPLES)).clip(-1, 1)
    clips = interpolate(model, first, second, 4, generator(1))
    assert clips.shape == (4, SAMPLES) and clips.dtype == np.float32 and np.abs(clips).max() <= 1
    same = generator(1)
    with torch.no_grad():
        ends = model.encode(torch.from_numpy(np.stack([first, second]).astype(np.float32)), same).squeeze(1)
        path = interpolate_latents(model.prior, ends[0], ends[1], 4)
        decoded = model.decode(path, same).numpy()
    np.testing.assert_array_equal(clips, decoded)
    assert torch.equal(path[0], ends[0]) and torch.equal(path[-1], ends[1])


def test_equal_seeds_give_equal_clips():
    torch.manual_seed(0)
    model = VAE(SMALL, SAMPLES, 16000).eval()
    clips = 0.1 * np.ones((2, SAMPLES))
    one, two = (interpolate(model, *clips, 3, generator(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
