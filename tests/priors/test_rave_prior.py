"""RAVE's prior: bins, axes, the network against plain convolutions and against RAVE's own, and its density."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from defaults import default
from flowshot.priors.rave import PrincipalAxes, RavePrior, RavePriorConfig
from flowshot.priors.rave_network import (
    GatedBlock,
    RaveNetwork,
    bin_centres,
    from_bins,
    log_density_in_bin,
    to_bins,
)
from seeded import generator


def bent_network(size, bins, **other):
    """Random weights in the last layer too, which starts at 0."""
    torch.manual_seed(0)
    sizes = {"width": 8, "skip": 6, "layers": 3, "kernel_size": 3, "cycle": 2, **other}
    network = RaveNetwork(size, bins, **sizes)
    with torch.no_grad():
        network.leave.normal_(0, 1.0)
        network.leave_bias.normal_(0, 0.5)
    return network


def bent_prior(dimensions, frames=1, bins=4, **settings):
    torch.manual_seed(0)
    config = default(RavePriorConfig, "fit_prior.rave", bins=bins, width=8, skip=8, layers=2, **settings)
    prior = RavePrior(config, dimensions, frames)
    with torch.no_grad():
        prior.network.leave.normal_(0, 1.0)
    return prior


def every_sequence(bins, dimensions, frames):
    found = list(itertools.product(range(bins), repeat=dimensions * frames))
    return torch.tensor(found).unflatten(1, (dimensions, frames))


# Bins.


@settings(derandomize=True, deadline=None)
@given(value=st.floats(-40, 40), bins=st.integers(2, 64))
def test_every_number_has_its_bin_and_larger_ones_no_lower_one(value, bins):
    here, above = to_bins(torch.tensor([value, value + 0.5]), bins)
    assert 0 <= here <= above < bins


def test_normal_numbers_fill_all_bins_alike():
    counts = torch.bincount(to_bins(torch.randn(64_000, generator=generator()), 32), minlength=32)
    assert ((counts - 2000).abs() < 5 * 2000**0.5).all()


def test_a_number_drawn_from_a_bin_lies_in_it_and_is_finite():
    bins = torch.arange(32).repeat(500)
    values = from_bins(bins, 32, generator())
    assert torch.isfinite(values).all() and (to_bins(values, 32) == bins).all()
    assert (to_bins(bin_centres(32), 32) == torch.arange(32)).all()


def test_the_density_within_each_bin_integrates_to_one():
    values = torch.linspace(-9, 9, 180_001, dtype=torch.double)
    mass = log_density_in_bin(values, 5).exp() * (values[1] - values[0])
    totals = torch.zeros(5, dtype=torch.double).index_add(0, to_bins(values, 5), mass)
    torch.testing.assert_close(totals, torch.ones(5, dtype=torch.double), atol=1e-3, rtol=0)


# Axes.


def frames_of(count, seed=0):
    mixing = torch.tensor([[3.0, 0, 0, 0], [1, 1, 0, 0], [0, 0.2, 0.5, 0], [0.1, 0, 0, 0.1]])
    return torch.randn(count, 4, generator=generator(seed)) @ mixing.T + torch.tensor([5.0, 0, -2, 1])


def test_the_axes_undo_themselves_and_account_for_their_volume():
    axes, frames = PrincipalAxes(4), frames_of(50)
    axes.fit(frames, 0.9)
    torch.testing.assert_close(axes.inverse(axes(frames)), frames, atol=1e-4, rtol=1e-4)
    jacobian = torch.autograd.functional.jacobian(lambda v: axes(v[None])[0], frames[0])
    torch.testing.assert_close(axes.log_det, torch.linalg.slogdet(jacobian).logabsdet)


def test_frames_become_uncorrelated_with_the_largest_axis_first():
    axes, frames = PrincipalAxes(4), frames_of(20_000)
    axes.fit(frames, 0.9)
    torch.testing.assert_close(torch.cov(axes(frames).T), torch.eye(4), atol=0.01, rtol=0)
    assert (axes.scale.diff() < 0).all()


@pytest.mark.parametrize(("fidelity", "kept"), [(0.5, 1), (0.95, 2), (1.0, 4)])
def test_as_many_axes_are_kept_as_hold_the_fidelity(fidelity, kept):
    axes, frames = PrincipalAxes(4), frames_of(20_000)
    axes.fit(frames, fidelity)
    variance = torch.linalg.eigvalsh(torch.cov(frames.T)).flip(0)
    assert int(axes.kept) == kept
    assert fidelity <= float(variance[:kept].sum() / variance.sum()) + 1e-3
    assert kept == 1 or fidelity > float(variance[: kept - 1].sum() / variance.sum())


# The network.


def by_plain_convolutions(network, bins):
    """The same logits from one-hot bins in shifted columns, through convolutions over all of them."""
    count, dimensions, frames = bins.shape
    columns = dimensions + frames - 1
    grid = torch.zeros(count, network.size, network.bins, columns + 1)
    for d, t in itertools.product(range(dimensions), range(frames)):
        grid[torch.arange(count), d, bins[:, d, t], d + t + 1] = 1
    weight = network.enter.flatten(0, 1).permute(2, 0, 1)
    path = functional.conv1d(
        functional.pad(grid.flatten(1, 2), (network.kernel_size - 1, 0)), weight, network.enter_bias
    )  # fmt: skip
    path, skips = functional.leaky_relu(path, 0.2), 0
    for block in network.blocks:
        gated = block.gate(functional.pad(path, (block.reach, 0)))
        gate, value = gated.chunk(2, 1)
        product = gate.sigmoid() * value.tanh()
        path, skips = path + block.residual(product), skips + block.skip(product)
    hidden = functional.leaky_relu(network.mix(skips), 0.2)
    logits = torch.einsum("nsc,dbs->ncdb", hidden, network.leave) + network.leave_bias
    return torch.stack(
        [torch.stack([logits[:, d + t, d] for t in range(frames)], 1) for d in range(dimensions)], 1
    )  # fmt: skip


@pytest.mark.parametrize(("dimensions", "frames"), [(5, 1), (1, 6), (3, 4), (2, 7)])
def test_the_network_is_that_of_plain_convolutions_over_one_hot_columns(dimensions, frames):
    network = bent_network(5, 4)
    bins = torch.randint(4, (3, dimensions, frames), generator=generator())
    torch.testing.assert_close(network(bins), by_plain_convolutions(network, bins), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 1), (2, 3)])
def test_a_bin_is_seen_by_later_columns_alone(place):
    network, bins = bent_network(3, 4), torch.randint(4, (1, 3, 4), generator=generator())
    changed = bins.clone()
    changed[0, place[0], place[1]] = (bins[0, place[0], place[1]] + 1) % 4
    differs = (network(bins) != network(changed)).any(-1)[0]
    for d, t in itertools.product(range(3), range(4)):
        assert not differs[d, t] or d + t > sum(place)
    assert differs.any() or sum(place) == 5


@pytest.mark.parametrize(("dimensions", "frames"), [(6, 1), (1, 5), (3, 4)])
def test_the_probabilities_of_all_sequences_sum_to_one(dimensions, frames):
    bins = 2 if dimensions * frames > 6 else 3
    network, sequences = bent_network(dimensions, bins), every_sequence(bins, dimensions, frames)
    log_p = network(sequences).log_softmax(-1).gather(-1, sequences[..., None]).sum((1, 2, 3))
    assert float(log_p.detach().double().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert log_p.std() > 0.5, "a network that finds all alike would show nothing"


def naive_sample(network, count, dimensions, frames, draws):
    """Every column from the whole network again."""
    sequences = torch.zeros(count, dimensions, frames, dtype=torch.long)
    for column in range(dimensions + frames - 1):
        places = [(d, column - d) for d in range(dimensions) if 0 <= column - d < frames]
        logits = torch.stack([network(sequences)[:, d, t] for d, t in places], 1)
        drawn = torch.multinomial(logits.softmax(-1).flatten(0, 1), 1, generator=draws).unflatten(0, (count, -1))
        for i, (d, t) in enumerate(places):
            sequences[:, d, t] = drawn[:, i, 0]
    return sequences


@torch.no_grad()
@pytest.mark.parametrize(("dimensions", "frames"), [(7, 1), (1, 9), (3, 5), (5, 3)])
def test_cached_sampling_draws_what_computing_everything_anew_draws(dimensions, frames):
    network = bent_network(7, 4)
    cached = network.sample(20, dimensions, frames, generator(1))
    assert (cached == naive_sample(network, 20, dimensions, frames, generator(1))).all()


def test_the_work_of_sampling_grows_as_the_length_does(monkeypatch):
    """Each block computes one column from the few that it reaches, once."""
    network, computed = bent_network(3, 4), []

    def counted(block, seen, original=GatedBlock.forward):
        assert seen.shape[-1] == block.reach + 1
        computed.append(block)
        return original(block, seen)

    monkeypatch.setattr(GatedBlock, "forward", counted)
    for frames in (4, 8, 16):
        computed.clear()
        with torch.no_grad():
            network.sample(2, 3, frames, generator())
        assert len(computed) == (frames + 2) * len(network.blocks)


def test_the_logits_are_those_of_raves_own_prior_with_the_same_weights():
    pytest.importorskip("rave", reason="the extra `rave` is not installed")
    from rave.prior.model import Prior

    torch.manual_seed(0)
    size, bins, width, skip = 4, 8, 16, 12
    theirs = Prior(bins, width, skip, 3, 3, 5, latent_size=size).eval()
    ours = RaveNetwork(size, bins, width, skip, layers=5, kernel_size=3, cycle=3)
    with torch.no_grad():
        # Theirs has one group of channels for each dimension; elsewhere ours is 0.
        grouped = theirs.pre_net[0].weight.unflatten(0, (size, -1))
        ours.enter.zero_()
        ours.leave.zero_()
        for d in range(size):
            channels = slice(d * width // size, (d + 1) * width // size)
            ours.enter[d, :, :, channels] = grouped[d].permute(1, 2, 0)
            outputs = slice(d * skip // size, (d + 1) * skip // size)
            ours.leave[d, :, outputs] = theirs.post_net[2].weight.unflatten(0, (size, bins))[d, ..., 0]
        ours.enter_bias.copy_(theirs.pre_net[0].bias)
        ours.leave_bias.copy_(theirs.post_net[2].bias.unflatten(0, (size, bins)))
        ours.mix.load_state_dict(theirs.post_net[0].state_dict())
        for mine, their in zip(ours.blocks, theirs.residuals, strict=True):
            mine.gate.load_state_dict(their.dconv.state_dict())
            mine.residual.load_state_dict(their.rconv.state_dict())
            mine.skip.load_state_dict(their.sconv.state_dict())
        sequences = torch.randint(bins, (3, size, 10), generator=generator())
        one_hot = functional.one_hot(sequences, bins).permute(0, 1, 3, 2).float()
        # Zeros before the first and after the last frame, which the shift delays, and one column to start from.
        columns = torch.zeros(3, size, bins, 10 + size)
        for d in range(size):
            columns[:, d, :, 1 + d : 1 + d + 10] = one_hot[:, d]
        logits = theirs(columns.flatten(1, 2)).unflatten(1, (size, bins))
        expected = torch.stack([logits[:, d, :, d : d + 10] for d in range(size)], 1).transpose(2, 3)
        torch.testing.assert_close(ours(sequences), expected, atol=1e-4, rtol=0)
        assert ours(sequences).std() > 0.01


# The prior.


def exact_entropy(prior, bins):
    """Of its standardised latents: over all sequences of bins, and of N(0, 1) within each."""
    sequences = every_sequence(bins, prior.dimensions, prior.frames)
    log_p = prior._log_probabilities(sequences).sum((1, 2)).double()
    edges = torch.special.ndtri(torch.arange(bins + 1, dtype=torch.double) / bins)
    # x times the density of N(0, 1) at x; 0 at the infinite ends.
    slopes = torch.where(edges.isfinite(), edges, 0.0) * (-0.5 * edges.square()).exp() / math.sqrt(2 * math.pi)
    squares = 1 + bins * (slopes[:-1] - slopes[1:])
    within = 0.5 * (squares + math.log(2 * math.pi)) - math.log(bins)
    return float((log_p.exp() * (within[sequences].sum((1, 2)) - log_p)).sum())


@torch.no_grad()
@pytest.mark.parametrize(("dimensions", "frames"), [(4, 1), (2, 3)])
def test_samples_cost_the_nats_that_the_model_has(dimensions, frames):
    prior = bent_prior(dimensions, frames, fidelity=1.0)
    nats = -prior.log_prob(prior.sample(4000, generator()))
    standard_error = float(nats.std()) / len(nats) ** 0.5
    assert abs(float(nats.mean()) - exact_entropy(prior, 4)) < 4 * standard_error


@torch.no_grad()
def test_the_density_integrates_to_one_over_the_latents_with_axes_that_are_left_out():
    prior = bent_prior(2, fidelity=0.5)
    prior.axes.fit(torch.randn(100, 2, generator=generator()) @ torch.tensor([[2.0, 0.5], [0.0, 0.3]]) + 1, 0.5)
    assert int(prior.axes.kept) == 1
    grid = torch.linspace(-10, 12, 151)
    total = prior.log_prob(torch.cartesian_prod(grid, grid)).double().exp().sum() * (grid[1] - grid[0]) ** 2
    assert float(total) == pytest.approx(1, abs=0.02)


def moving(count, frames=3, seed=0):
    """Sequences of two dimensions: the second goes on from frame to frame, the first is noise; flattened."""
    noise = torch.randn(count, 2, frames, generator=generator(seed))
    for t in range(1, frames):
        noise[:, 1, t] = 0.9 * noise[:, 1, t - 1] + math.sqrt(1 - 0.81) * noise[:, 1, t]
    return noise.flatten(1)


def test_a_sequence_is_described_by_what_came_before():
    """Nearer to its entropy than to that of frames without a past, and never below it."""
    torch.manual_seed(0)
    values = {"steps": 80, "layers": 2, "width": 16, "skip": 16, "learning_rate": 1e-2, "fidelity": 1.0}
    config = default(RavePriorConfig, "fit_prior.rave", **values)
    prior = RavePrior(config, 2, 3)
    prior.fit(moving(3000), moving(500, seed=1), generator())
    held_out = moving(1000, seed=2)
    alone = 6 * 0.5 * math.log(2 * math.pi * math.e)
    entropy = alone + 2 * 0.5 * math.log(1 - 0.81)
    nats = -prior.log_prob(held_out)
    error = float(nats.std()) / len(nats) ** 0.5
    assert entropy - 4 * error < float(nats.mean()) < entropy + 0.3 * (alone - entropy)
    drawn = prior.sample(1000, generator(3)).unflatten(1, (2, 3))
    assert torch.corrcoef(drawn[:, 1].T)[0, 1] > 0.6 and abs(torch.corrcoef(drawn[:, 0].T)[0, 1]) < 0.2
