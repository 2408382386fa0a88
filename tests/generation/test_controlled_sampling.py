"""Draws that are hotter, colder or near a sound, for every prior."""

from dataclasses import replace

import pytest
import torch

from defaults import COMMITTED
from flowshot.generation.control import Near, Tempered
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.priors.registry import PRIORS, make_prior, prior_config
from prior_fits import fit
from tiny_vae import tiny_config

SIZE, SAMPLES = 4, 512
SMALL = {
    "nf": {"layers": 2, "width": 8, "steps": 2, "passes": 0},
    "rectified_flow": {"layers": 1, "width": 8, "solver_steps": 3, "steps": 2, "passes": 0},
    "gmm": {"components": 3},
    "platune": {
        "attributes": ("brightness", "bass"),
        "layers": 1,
        "width": 8,
        "solver_steps": 3,
        "steps": 2,
        "passes": 0,
    },
    "rave": {"bins": 8, "layers": 2, "width": 8, "skip": 8, "steps": 2, "passes": 0},
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VAE(tiny_config(latent_size=SIZE, prior_flow="nsf", posterior_flow="iaf"), SAMPLES, 8000).eval()


@pytest.fixture(scope="module", params=[name for name in PRIORS if name != "after"])  # it needs frames
def prior(request, model):
    name = request.param
    made = make_prior(name, replace(prior_config(COMMITTED, name), **SMALL.get(name, {})), model)
    latents = torch.randn(300, SIZE, generator=generator(1))
    fit(made, latents, latents[:50], generator(2))
    return made.eval()


@torch.no_grad()
def test_a_temperature_of_1_changes_nothing_and_colder_draws_vary_less(prior):
    plain = prior.sample(200, generator())
    assert torch.equal(Tempered(prior, 1).sample(200, generator()), plain)
    spread = [float(Tempered(prior, t).sample(200, generator()).std(0).mean()) for t in (0.0, 0.5, 1.0, 1.5)]
    assert spread == sorted(spread) and spread[0] < 0.5 * spread[2]


@torch.no_grad()
def test_at_0_there_is_one_draw_where_a_prior_has_one_mode(model):
    for name in ("own", "nf", "rectified_flow", "gmm"):
        prior = make_prior(name, replace(prior_config(COMMITTED, name), **SMALL.get(name, {})), model)
        if name == "gmm":
            prior.fit(torch.randn(60, SIZE, generator=generator(1)), torch.randn(20, SIZE), generator(2))
        draws = torch.cat([Tempered(prior, 0).sample(5, generator(seed)) for seed in (0, 1)])
        assert torch.allclose(draws, draws[:1].expand_as(draws), atol=1e-6), name


@torch.no_grad()
def test_draws_near_a_sound_are_those_of_its_posterior_as_wide_as_asked_for(model):
    clip = 0.3 * torch.randn(SAMPLES, generator=generator(5))
    mean = model.encode_mean(clip[None])
    assert torch.allclose(Near(model, clip, 0).sample(3, generator()), mean.expand(3, -1), atol=1e-5)
    same = model.encode(clip.expand(7, -1), generator()).squeeze(1)
    assert torch.allclose(Near(model, clip, 1).sample(7, generator()), same, atol=1e-5)
    away = [
        float((Near(model, clip, width).sample(100, generator()) - mean).norm(dim=1).mean()) for width in (0.5, 1, 2)
    ]
    assert away == sorted(away) and away[0] > 0
