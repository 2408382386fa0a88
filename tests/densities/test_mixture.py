import math

import pytest
import torch

from flowshot.densities.mixture import GaussianMixture
from seeded import generator


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
    assert len(fitted(clusters(200), clusters(200, 1), 4).weights) >= 2


def unequal():
    """Set by hand: a quarter and three quarters, in the coordinates of the latents."""
    mixture = GaussianMixture(2)
    weights, means = torch.tensor([0.25, 0.75]), torch.tensor([[-6.0, 0.0], [6.0, 1.0]])
    factors = torch.tensor([[[1.0, 0.0], [0.5, 0.7]], [[2.0, 0.0], [0.0, 0.3]]])
    mixture.load_state_dict(
        {**mixture.state_dict(), "weights": weights.double(), "means": means.double(), "factors": factors.double()}
    )
    parts = torch.distributions.MultivariateNormal(means, scale_tril=factors)
    return mixture, torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weights), parts)


def test_components_of_unequal_weight_have_the_density_of_torch_and_as_many_draws():
    mixture, expected = unequal()
    points = 6 * torch.randn(200, 2, generator=generator())
    torch.testing.assert_close(mixture.log_prob(points), expected.log_prob(points), atol=1e-4, rtol=1e-5)
    drawn = mixture.sample(4000, generator())
    assert float((drawn[:, 0] < 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    torch.testing.assert_close(drawn[drawn[:, 0] > 0].std(0), torch.tensor([2.0, 0.3]), atol=0.1, rtol=0.05)


def test_components_that_overlap_are_told_apart_by_shares_and_not_by_sides():
    """Given to the nearer one alone, their means would lie 20 % too far out, and their widths be too small."""
    side = torch.randint(0, 2, (6000, 1), generator=generator()) * 2.0 - 1
    points = torch.cat([1.5 * side, 0 * side], 1) + torch.randn(6000, 2, generator=generator(1))
    mixture = GaussianMixture(2)
    mixture.fit(points[:5000], points[5000:], 2, 300, 1e-7, generator(2))
    assert len(mixture.weights) == 2
    means = mixture.whitening.inverse(mixture.means.float())
    assert means[:, 0].sort().values.tolist() == pytest.approx([-1.5, 1.5], abs=0.12)


def test_components_of_few_latents_are_worth_more_than_one_gaussian():
    """Four clusters of 6 latents in 3 dimensions: without shrinkage, their covariances hold nothing but those 6."""
    gains = []
    for seed in range(3):
        g = generator(seed)
        centres = 4 * torch.randn(4, 3, generator=g)

        def near(count, g=g, centres=centres):
            return torch.cat([centre + torch.randn(count, 3, generator=g) for centre in centres])

        held_out, latents, validation = near(200), near(6), near(50)
        several, one = (fitted(latents, validation, components).log_prob(held_out) for components in (4, 1))
        gains.append(float((several - one).mean()))
    assert sum(gains) / 3 > 0.4
