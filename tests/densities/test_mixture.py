import math

import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.densities.mixture import GaussianMixture


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def clusters(count, seed=0):
    """Two clusters 20 apart, in units that are not those of a whitened space."""
    g = generator(seed)
    sides = torch.randint(0, 2, (count, 1), generator=g) * 20.0
    return torch.randn(count, 2, generator=g) + sides


def fitted(latents, validation, components=4):
    mixture = GaussianMixture(latents.shape[1])
    mixture.fit(latents, validation, components, 100, 1e-4, generator())
    return mixture


def test_before_a_fit_it_is_the_standard_normal():
    points = torch.randn(5, 3, generator=generator())
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(points).sum(-1)
    torch.testing.assert_close(GaussianMixture(3).log_prob(points), expected)


def test_its_density_integrates_to_one():
    axis = torch.linspace(-8, 28, 361)
    density = fitted(clusters(300), clusters(100, 1)).log_prob(torch.cartesian_prod(axis, axis)).exp()
    assert float(density.sum()) * 0.1**2 == pytest.approx(1, abs=5e-3)


def test_it_finds_clusters_and_samples_them():
    mixture = fitted(clusters(5000), clusters(300, 1))
    exact = math.log(2) + 2 * 0.5 * (math.log(2 * math.pi) + 1)
    assert -float(mixture.log_prob(clusters(2000, 2)).mean()) == pytest.approx(exact, abs=0.1)
    drawn = mixture.sample(2000, generator(3))
    for side in (drawn[:, 0] < 10, drawn[:, 0] >= 10):
        assert 0.4 < float(side.float().mean()) < 0.6
        torch.testing.assert_close(drawn[side].std(0), torch.ones(2), atol=0.1, rtol=0)


def test_the_validation_chooses_the_number_of_components():
    latents = torch.randn(60, 3, generator=generator())
    assert len(fitted(latents, torch.randn(500, 3, generator=generator(1)), 16).weights) < 4
    assert len(fitted(clusters(500), clusters(500, 1), 16).weights) >= 2


def test_its_state_is_all_of_it():
    mixture, again = fitted(clusters(100), clusters(50, 1)), GaussianMixture(2)
    again.load_state_dict(mixture.state_dict())
    assert torch.equal(again.log_prob(clusters(20, 2)), mixture.log_prob(clusters(20, 2)))


def test_latents_that_have_no_density_are_one_line():
    with pytest.raises(FlowshotError, match="dimension 1 is constant"):
        fitted(torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]), torch.zeros(2, 2))
