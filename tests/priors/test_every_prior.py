"""What every prior of the registry must do; a new one is held to the same without a test of its own."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from defaults import COMMITTED
from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.densities.distributions import Prior
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.registry import PRIORS, make_prior, prior_config
from prior_fits import fit
from seeded import generator

SIZE = 3
# Sizes at which a fit takes a second. The other values are the committed ones.
SMALL = {
    "layers": 2, "width": 32, "skip": 16, "components": 4, "steps": 40, "batch_size": 128, "learning_rate": 5e-3,
    "solver_steps": 16, "attributes": ("brightness", "bass"),
}  # fmt: skip
FEW = {"steps": 30, "batch_size": 16, "width": 8}


class Latents:
    """As much of an autoencoder as a prior asks for, with an own prior that no latents are needed for."""

    def __init__(self, size, frames=1):
        self.latent_size, self.latent_shape, self.prior = size, (size // frames, frames), Prior(size)


def small_prior(name, size=SIZE, frames=None, **changes):
    frames = frames or (size if name == "after" else 1)  # it needs some
    config = prior_config(COMMITTED, name)
    known = {field.name for field in dataclasses.fields(config)}
    values = {key: value for key, value in {**SMALL, **changes}.items() if key in known}
    torch.manual_seed(0)
    return make_prior(name, dataclasses.replace(config, **values), Latents(size, frames))


def truth_of(name):
    """Correlated dimensions of different size, away from 0; for the prior that is not fitted N(0, I)."""
    if name == "own":
        return MultivariateNormal(torch.zeros(SIZE), torch.eye(SIZE))
    factor = torch.tensor([[2.0, 0.0, 0.0], [0.3, 0.1, 0.0], [-1.0, 0.2, 0.5]])
    return MultivariateNormal(torch.tensor([5.0, -1.0, 0.0]), scale_tril=factor)


def draws_of(truth, count, seed=0):
    return truth.loc + torch.randn(count, SIZE, generator=generator(seed)) @ truth.scale_tril.T


def clusters(count, seed=0, size=SIZE):
    """Half at +3, half at -3 in each dimension, of width 0.3."""
    side = torch.randint(2, (count, 1), generator=generator(seed)) * 2.0 - 1
    return 3 * side + 0.3 * torch.randn(count, size, generator=generator(seed + 1))


def fitted(name, checkpoint=NO_CHECKPOINT, **changes):
    """On two clusters, in few steps."""
    prior = small_prior(name, **{**FEW, **changes})
    fit(prior, clusters(80), clusters(20, seed=5), generator(1), checkpoint)
    return prior


def judged(prior, latents):
    """Log densities; where a prior has none, what it draws."""
    if prior.has_density:
        return prior.log_prob(latents)
    with pytest.raises(FlowshotError, match="has no density"):
        prior.log_prob(latents)
    return prior.sample(len(latents), generator(8))


every_prior = pytest.mark.parametrize("name", PRIORS)
every_density = pytest.mark.parametrize("name", [name for name in PRIORS if name != "after"])
every_fitted_density = pytest.mark.parametrize("name", [name for name in PRIORS if name not in ("own", "after")])
every_fitted_prior = pytest.mark.parametrize("name", [name for name in PRIORS if name != "own"])


def test_the_committed_parameters_are_those_of_the_registry():
    assert set(COMMITTED.values["fit_prior"]) == set(PRIORS)


def test_an_unknown_prior_is_one_line_with_those_that_are_known():
    with pytest.raises(FlowshotError, match="there is no prior 'ebm'; use one of: own, nf, gmm"):
        prior_config(COMMITTED, "ebm")


@every_density
def test_a_gaussian_costs_its_entropy_and_the_samples_have_its_moments(name):
    """At most 0.05 nats a dimension more, and nothing less but noise: a density that is none would cost less."""
    prior, truth = small_prior(name), truth_of(name)
    fit(prior, draws_of(truth, 4000), draws_of(truth, 500, seed=1), generator())
    held_out = draws_of(truth, 2000, seed=2)
    excess = truth.log_prob(held_out) - prior.log_prob(held_out)
    error = float(excess.std()) / len(excess) ** 0.5
    assert -4 * error - 1e-6 < float(excess.mean()) < 0.05 * SIZE
    samples = prior.sample(4000, generator(3))
    assert samples.shape == (4000, SIZE) and samples.dtype == torch.float32 and not samples.requires_grad
    assert ((samples.mean(0) - truth.loc).abs() < 0.15 * truth.stddev).all()
    assert ((samples.std(0) / truth.stddev - 1).abs() < 0.1).all()
    expected = torch.corrcoef(draws_of(truth, 50_000).T)
    assert (torch.corrcoef(samples.T) - expected).abs().max() < 0.08


@every_density
def test_samples_have_the_density(name):
    """E_p[N(z; m, s) / p(z)] = 1 for a Gaussian that p covers, whatever p is."""
    prior, truth = small_prior(name, steps=25), truth_of(name)
    fit(prior, draws_of(truth, 1000), draws_of(truth, 200, seed=1), generator())
    samples = prior.sample(4000, generator(1))
    narrow = MultivariateNormal(samples.mean(0), 0.64 * torch.cov(samples.T)).log_prob(samples)
    weights = (narrow - prior.log_prob(samples)).exp().double()
    assert float(weights.mean()) == pytest.approx(1, abs=4 * float(weights.std()) / len(weights) ** 0.5)
    assert weights.std() < 10


@every_prior
def test_equal_seeds_give_equal_fits_and_draws(name):
    first, second = (fitted(name) for _ in range(2))
    latents = clusters(20, seed=9)
    assert torch.equal(judged(first, latents), judged(second, latents))
    assert torch.equal(first.sample(20, generator()), second.sample(20, generator()))
    assert not torch.equal(first.sample(20, generator(1)), first.sample(20, generator(2)))


@every_prior
def test_a_saved_prior_gives_equal_draws_and_densities(name, tmp_path):
    prior, loaded = fitted(name), small_prior(name, **FEW)
    prior.save(tmp_path)
    loaded.load(tmp_path)
    latents = clusters(20, seed=9)
    assert torch.equal(judged(loaded, latents), judged(prior, latents))
    assert torch.equal(loaded.sample(20, generator()), prior.sample(20, generator()))


@every_prior
def test_an_interrupted_fit_ends_bit_for_bit_like_one_that_was_not(name, tmp_path):
    expected, asked = fitted(name).state_dict(), itertools.count(1)
    fitted(name, Checkpoint(tmp_path / "whole", lambda: next(asked) < 0))
    if next(asked) == 1:
        pytest.skip(f"the prior {name} is fitted at once: it has no steps to be interrupted at")
    for after in (3, 24):  # before and at the first look at the held-out loss
        steps = itertools.count(1)
        with pytest.raises(Interrupted):
            fitted(name, Checkpoint(tmp_path, lambda steps=steps, after=after: next(steps) == after))
    again = fitted(name, Checkpoint(tmp_path)).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in expected.items())


@every_fitted_prior
@pytest.mark.parametrize("count", [2, 5])
def test_fewer_latents_than_parameters_still_give_a_density(name, count):
    prior, truth = small_prior(name, **{**FEW, "steps": 5}), truth_of(name)
    fit(prior, draws_of(truth, count), draws_of(truth, 10, seed=1), generator())
    assert torch.isfinite(judged(prior, draws_of(truth, 50, seed=2))).all()
    assert torch.isfinite(prior.sample(50, generator())).all()


@every_fitted_prior
@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (slice(None), 1, 0.7, "latent dimension 1 is constant"),
        (3, 1, math.nan, "finite"),
        (3, 1, math.inf, "finite"),
        (slice(1, None), slice(None), None, "at least two"),
    ],
)
def test_latents_that_cannot_be_fitted_are_one_line(name, row, column, value, message):
    latents = draws_of(truth_of(name), 50)
    if value is None:
        latents = latents[:1]
    else:
        latents[row, column] = value
    with pytest.raises(FlowshotError, match=message) as caught:
        fit(small_prior(name, **FEW), latents, latents[:1], generator())
    assert "\n" not in str(caught.value)


@every_fitted_prior
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "of another size"])
def test_a_damaged_file_is_one_line(name, damage, tmp_path):
    small_prior(name, size=5 if damage == "of another size" else SIZE, **FEW).save(tmp_path)
    (file,) = tmp_path.iterdir()
    if damage == "missing":
        file.unlink()
    elif damage != "of another size":
        file.write_bytes(file.read_bytes()[: 100 if damage == "truncated" else 0])
    with pytest.raises(FlowshotError) as caught:
        small_prior(name, **FEW).load(tmp_path)
    message = str(caught.value)
    assert "\n" not in message and str(tmp_path) in message and "dvc repro" in message and len(message) < 500


@every_fitted_density
@pytest.mark.parametrize("frames", [1, 3])
def test_latents_in_another_unit_cost_its_logarithm_a_number(name, frames):
    """p(c z) = p(z) / c^size: the determinants of all that is done to a latent are counted, for every frame."""
    latents, held_out = clusters(60, size=6), clusters(20, seed=5, size=6)
    nats = []
    for unit in (1.0, 8.0):
        prior = small_prior(name, size=6, frames=frames, **{**FEW, "steps": 3})
        fit(prior, unit * latents, unit * held_out, generator(1))
        nats.append(-float(prior.log_prob(unit * held_out).mean()))
    assert nats[1] - nats[0] == pytest.approx(6 * math.log(8.0), abs=0.02)


@every_fitted_density
@pytest.mark.parametrize("alike", ["in shape", "in width"])
def test_weights_are_chosen_by_the_validation_where_it_is(name, alike):
    """What is learned of two clusters is wrong for a validation that looks otherwise: the first weights are kept.

    One lies between the clusters and, standardised by its own mean and width, would look like them. The other has their
    width in each dimension, but is one cloud.
    """
    cloud = 3 * torch.randn(40, SIZE, generator=generator(4))
    validation = 0.2 * clusters(80) if alike == "in shape" else cloud
    untrained = small_prior(name, **{**FEW, "steps": 1, "learning_rate": 1e-9, "components": 1})
    prior = small_prior(name, **{**FEW, "steps": 100, "learning_rate": 0.02})
    for each in (untrained, prior):
        fit(each, clusters(80), validation, generator(1))
    assert float(prior.log_prob(validation).mean()) > float(untrained.log_prob(validation).mean()) - 0.05
