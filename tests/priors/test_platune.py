"""PLaTune beyond what every prior must do: attributes are read, moved alone and asked for; its base is a density."""

import math

import pytest
import torch

from defaults import default
from flowshot.clips.attributes import ATTRIBUTES
from flowshot.core.errors import FlowshotError
from flowshot.priors.platune import AttributeBase, PlatunePrior, PlatunePriorConfig
from seeded import generator

SIZE = 6
NAMES = ("brightness", "bass")
COLUMNS = [ATTRIBUTES.index(name) for name in NAMES]
MIX = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(7))).Q


def planted(count, seed=0):
    """Attributes that are two independent directions of a latent, which is bent in the others."""
    hidden = torch.randn(count, SIZE, generator=generator(seed))
    attributes = torch.full((count, len(ATTRIBUTES)), 0.5)
    attributes[:, COLUMNS] = 0.5 + 0.1 * hidden[:, :2]
    hidden[:, 2] = hidden[:, 2] + 0.3 * hidden[:, 3].square()
    return hidden @ MIX, attributes


def measured(latents):
    """The attributes that latents have, whatever a prior says."""
    return 0.5 + 0.1 * (latents @ MIX.T)[:, :2]


def small_prior(dimensions=SIZE, frames=1, **changes):
    torch.manual_seed(0)
    values = {"attributes": NAMES, "layers": 1, "width": 32, "steps": 60, "batch_size": 128, "solver_steps": 16}
    return PlatunePrior(default(PlatunePriorConfig, "fit_prior.platune", **{**values, **changes}), dimensions, frames)


@pytest.fixture(scope="module", params=[(SIZE, 1), (3, 2)], ids=["vector", "frames"])
def prior(request):
    prior, (latents, attributes), (held_out, judged) = small_prior(*request.param), planted(2000), planted(300, 1)
    prior.fit(latents, held_out, generator(2), attributes=(attributes, judged))
    return prior


def test_planted_attributes_are_read_and_an_edit_moves_one_alone(prior):
    latents, attributes = planted(400, 3)
    edited, read = prior.edit(latents, {"brightness": 0.15})
    for index in range(2):
        assert torch.corrcoef(torch.stack([read[:, index], attributes[:, COLUMNS[index]]]))[0, 1] > 0.9
    moved = measured(edited) - measured(latents)
    assert float(moved[:, 0].mean()) == pytest.approx(0.15, abs=0.03) and float(moved[:, 0].std()) < 0.05
    assert abs(float(moved[:, 1].mean())) < 0.01 and float(moved[:, 1].std()) < 0.03
    style = ((edited - latents) @ MIX.T)[:, 2:]
    assert float(style.abs().mean()) < 0.15


def test_nothing_that_is_asked_changes_nothing_but_by_the_steps_of_the_solver(prior, monkeypatch):
    latents, _ = planted(200, 4)
    errors = []
    for steps in (4, 16, 64):
        changed = type(prior.config)(**{**vars(prior.config), "solver_steps": steps})
        monkeypatch.setattr(prior, "config", changed)
        errors.append(float((prior.edit(latents, {})[0] - latents).abs().mean()))
    assert errors[0] > 3 * errors[1] > 6 * errors[2] and errors[1] < 0.02


def test_what_is_asked_is_what_samples_have(prior):
    asked = prior.draw_attributes(500, generator(5), {"bass": 0.7})
    assert (asked[:, 1] == 0.7).all() and asked[:, 0].std() > 0.05
    found = measured(prior.sample_asked(asked, generator(6)))
    # The base spreads by `noise` of their standard deviation, 0.1.
    assert float(found[:, 1].mean()) == pytest.approx(0.7, abs=0.03) and float(found[:, 1].std()) < 0.06
    assert torch.corrcoef(torch.stack([asked[:, 0], found[:, 0]]))[0, 1] > 0.85
    free = measured(prior.sample(2000, generator(7)))
    assert free.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.015)
    assert free.std(0).tolist() == pytest.approx([0.1, 0.1], abs=0.015)


def test_the_attributes_of_training_clips_are_stored_once_for_all_draws_of_a_clip(tmp_path):
    latents, attributes = planted(60)
    prior = small_prior(steps=2)
    attributes[1] = attributes[0]  # of two clips, and not of two draws of one
    prior.fit(latents, latents, generator(), attributes=(attributes[:20], attributes))
    assert torch.equal(prior.known, attributes[:20, COLUMNS])
    prior.save(tmp_path)
    loaded = small_prior()
    loaded.load(tmp_path)
    assert torch.equal(loaded.known, prior.known)
    torch.testing.assert_close(loaded.sample(5, generator()), prior.sample(5, generator()))


def test_the_base_integrates_to_one_and_gives_back_what_it_was_given():
    latents, attributes = planted(40)
    base, known = AttributeBase(1, 2, 0.3), attributes[:, COLUMNS[:1]]
    base.fit(known, latents[:, :2])
    edges = torch.linspace(-7, 7, 141)
    mass = base.log_prob(torch.cartesian_prod(edges, edges), known).double().exp().sum() * (edges[1] - edges[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=1e-3)
    points = base.points(known, torch.zeros(40, 2))
    torch.testing.assert_close(base.attributes(points), known, atol=1e-5, rtol=0)
    moved = base.moved(points, torch.tensor([0.2]))
    torch.testing.assert_close(base.attributes(moved), known + 0.2, atol=1e-5, rtol=0)
    assert torch.linalg.matrix_rank(moved - points) == 1


def test_what_is_gaussian_needs_no_training():
    """With attributes that are linear in Gaussian latents, the flow of the untrained network is the right one."""
    latents = torch.randn(3000, SIZE, generator=generator()) @ (MIX * torch.arange(1, SIZE + 1))
    attributes = torch.full((3000, len(ATTRIBUTES)), 0.5)
    attributes[:, COLUMNS] += 0.1 * (latents @ torch.randn(SIZE, 2, generator=generator(1)))
    prior = small_prior(steps=1, learning_rate=1e-9)
    prior.fit(latents, latents, generator(), attributes=(attributes, attributes))
    covariance = torch.cov(latents.T, correction=0)
    truth = torch.distributions.MultivariateNormal(latents.mean(0), covariance).log_prob(latents)
    assert abs(float((truth - prior.log_prob(latents)).mean())) < 0.05
    _, read = prior.edit(latents, {})
    for index, column in enumerate(COLUMNS):
        assert torch.corrcoef(torch.stack([read[:, index], attributes[:, column]]))[0, 1] > 0.9


@pytest.mark.parametrize("frames", [1, 2])
def test_attributes_that_cannot_steer_are_one_line(frames):
    latents, attributes = planted(50)
    prior = small_prior(SIZE // frames, frames)
    with pytest.raises(FlowshotError, match="without attributes"):
        prior.fit(latents, latents, generator())
    attributes[:, COLUMNS[1]] = 0.3
    with pytest.raises(FlowshotError, match="bass is the same for all training clips; leave it out of fit_prior"):
        prior.fit(latents, latents, generator(), attributes=(attributes, attributes))
    with pytest.raises(FlowshotError, match="found 2 attributes for a latent of size 1; name at most 1"):
        small_prior(1)


def test_attributes_that_are_none_are_named():
    for names, said in ((["warmth"], "found \\['warmth'\\]; use some of: brightness"), ([], "at least one")):
        with pytest.raises(FlowshotError, match=said):
            small_prior(attributes=names)
    assert math.isfinite(small_prior(attributes=["bass"]).config.noise)
