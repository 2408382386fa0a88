"""The diagnosis, on autoencoders whose latents are known because they are set by hand."""

import math

import pytest
import torch

from defaults import default
from flowshot.diagnostics import information
from flowshot.diagnostics.latent import diagnose, judge
from flowshot.diagnostics.units import collapse_fraction
from flowshot.diagnostics.validation import watch
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.progress import HISTORY_COLUMNS
from seeded import generator

SIZE = 4
SAMPLES = 128
ARMS = {
    "no_nf": {},
    "nf_posterior": {"posterior_flow": "iaf"},
    "nf_prior": {"prior_flow": "nsf"},
    "nf_both": {"posterior_flow": "maf", "prior_flow": "realnvp"},
}
every_arm = pytest.mark.parametrize("flows", ARMS.values(), ids=ARMS.keys())
quick = pytest.mark.usefixtures("without_mixture")


@pytest.fixture
def without_mixture(monkeypatch):
    """For what does not ask how tightly the information is bounded: the mixture takes most of a diagnosis's time."""
    monkeypatch.setattr(information, "MIXTURE_CLIPS", 10**9)


def distance(estimate, target):
    return (estimate - target).square().mean(-1)


def clips(count, seed=0):
    return (0.5 * torch.randn(count, SAMPLES, generator=generator(seed))).numpy()


def model_with_posterior(mean_of, scale, flows=None, decoder=None):
    """An autoencoder whose posterior is N(mean_of(clips), scale) and whose decoder is `decoder`, if given."""
    torch.manual_seed(0)
    config = default(
        VAEConfig,
        "autoencoder",
        bands=2,
        latent_size=SIZE,
        channels=(4,),
        strides=(4,),
        flow_layers=2,
        flow_width=8,
        **(flows or {}),
    )
    model = VAE(config, SAMPLES, 16000)

    class Features(torch.nn.Module):
        padding = (0, 0)

        def forward(self, x, measured):
            return x

    class Heads(torch.nn.Module):
        def forward(self, x):
            mean = mean_of(x)
            return torch.cat([mean, torch.full_like(mean, math.log(scale))], dim=-1)

    model.encoder, model.heads = Features(), Heads()
    if model.context is not None:
        model.context = torch.nn.Linear(SAMPLES, model.context.out_features)
    if decoder is not None:
        model.decode = decoder
    return model


def first_samples(x):
    """Four of the clip's samples, scaled so that over clips they are standard normal."""
    return 2 * x[:, :SIZE]


def no_information(x):
    return torch.zeros(len(x), SIZE)


def copying_decoder(latent, generator=None):
    """The clip as far as the latent knows it."""
    return torch.nn.functional.pad(latent / 2, (0, SAMPLES - SIZE))


@quick
@every_arm
def test_a_posterior_that_is_the_prior_is_collapsed(flows):
    model = model_with_posterior(no_information, 1.0, flows)
    diagnosis = diagnose(model, clips(300), distance, generator())
    assert diagnosis.verdict == "collapsed"
    assert diagnosis.active_units == diagnosis.active_units_by_share == diagnosis.used_units == 0
    assert diagnosis.collapse_fraction == 1
    assert diagnosis.mutual_information == pytest.approx(0, abs=0.05)
    assert diagnosis.kl == pytest.approx(0, abs=0.5)
    if not flows:
        assert diagnosis.kl == pytest.approx(0, abs=1e-6)
        assert diagnosis.kl_per_dimension == pytest.approx([0.0] * SIZE, abs=1e-6)


@quick
@every_arm
def test_an_informative_posterior_is_healthy_and_its_information_is_not_bounded_by_the_number_of_clips(flows):
    model = model_with_posterior(first_samples, 0.01, flows, copying_decoder)

    def on_what_the_latent_knows(estimate, target):
        return distance(estimate[:, :SIZE], target[:, :SIZE])

    diagnosis = diagnose(model, clips(300), on_what_the_latent_knows, generator())
    assert diagnosis.verdict == "healthy"
    assert diagnosis.active_units == diagnosis.used_units == SIZE == diagnosis.latent_size
    assert diagnosis.collapse_fraction == 0
    # Posteriors this narrow tell every clip from every other, which the lower bound sees no further than.
    assert diagnosis.mutual_information_low == pytest.approx(math.log(256), abs=0.02)
    exact = 0.5 * SIZE * math.log1p(0.01**-2)
    assert diagnosis.mutual_information == pytest.approx(exact, rel=0.05)
    assert diagnosis.shuffle_gap > 10 * diagnosis.reconstruction
    assert diagnosis.prior_gap > 10 * diagnosis.reconstruction


@quick
@every_arm
@pytest.mark.parametrize("scale", [0.02, 0.5, 1.0])
def test_the_divergence_is_the_sum_of_its_parts(flows, scale):
    diagnosis = diagnose(model_with_posterior(first_samples, scale, flows), clips(150), distance, generator())
    assert diagnosis.mutual_information + diagnosis.marginal_kl == pytest.approx(diagnosis.kl, abs=1e-4)
    assert diagnosis.mutual_information_low <= diagnosis.mutual_information <= diagnosis.mutual_information_high + 1e-6
    assert diagnosis.marginal_kl >= 0
    assert len(diagnosis.kl_per_dimension) == SIZE
    assert diagnosis.n == 150


@quick
def test_between_gaussians_the_divergence_per_dimension_adds_up():
    diagnosis = diagnose(model_with_posterior(first_samples, 0.3), clips(100), distance, generator())
    assert sum(diagnosis.kl_per_dimension) == pytest.approx(diagnosis.kl, rel=1e-4)


@quick
def test_under_untrained_flows_the_divergence_per_dimension_is_near_that_of_the_gaussians():
    plain, flowing = (
        diagnose(model_with_posterior(first_samples, 0.3, flows), clips(200), distance, generator()).kl_per_dimension
        for flows in (ARMS["no_nf"], ARMS["nf_both"])
    )
    # From few draws a clip: the error of their mean adds 1/128 of the variance, that of their deviation more.
    assert flowing == pytest.approx(plain, abs=0.03)


@quick
def test_dimensions_that_stay_the_same_for_all_clips_are_not_active():
    def half(x):
        return first_samples(x) * torch.tensor([1.0, 1.0, 0.0, 0.0])

    diagnosis = diagnose(model_with_posterior(half, 0.01, decoder=copying_decoder), clips(100), lambda a, b: distance(
        a[:, :2], b[:, :2]
    ), generator())  # fmt: skip
    assert diagnosis.active_units == diagnosis.used_units == 2
    assert diagnosis.verdict == "partly_collapsed"


@quick
def test_a_decoder_that_ignores_the_latent_is_collapsed_whatever_the_latent_holds():
    def deaf(latent, generator=None):
        return torch.zeros(len(latent), SAMPLES)

    diagnosis = diagnose(model_with_posterior(first_samples, 0.01, decoder=deaf), clips(100), distance, generator())
    assert diagnosis.active_units == SIZE and diagnosis.shuffle_gap == pytest.approx(0, abs=1e-7)
    assert diagnosis.used_units == 0
    assert diagnosis.verdict == "collapsed"


FALLING, FLAT = [100 * 0.97**row for row in range(40)], [100 * 0.8**row for row in range(20)] + [1.0, 1.02] * 10


@pytest.mark.parametrize(
    ("used", "gap", "history", "verdict"),
    [
        (64, 0.004, FALLING, "untrained"),
        (64, 0.004, FLAT, "collapsed"),  # it has learned what it can without the latent
        (64, 0.004, None, "collapsed"),
        (64, 0.004, [90.0, 60.0], "untrained"),
        (0, 0.004, FALLING, "collapsed"),  # nothing reaches the decoder
        (64, 0.2, FALLING, "healthy"),
        (20, 0.2, FALLING, "partly_collapsed"),
        (64, math.nan, FALLING, "collapsed"),
    ],
)
def test_a_model_that_has_not_learned_yet_is_told_from_one_that_collapsed_by_its_history(used, gap, history, verdict):
    found, reason = judge(used, 64, gap, history)
    assert found == verdict and ("more steps" in reason) == (verdict == "untrained")


@pytest.mark.parametrize(
    ("active", "gap", "verdict"),
    [
        (0, 1.0, "collapsed"),
        (4, 1.0, "collapsed"),
        (5, 1.0, "partly_collapsed"),
        (74, 1.0, "partly_collapsed"),
        (75, 1.0, "healthy"),
        (100, 0.05, "healthy"),
        (100, 0.049, "collapsed"),
        (100, -0.1, "collapsed"),
        (100, math.nan, None),
    ],
)
def test_the_verdict_follows_its_thresholds_and_gives_its_numbers(active, gap, verdict):
    found, reason = judge(active, 100, gap)
    if verdict is None:
        assert found != "healthy", "what cannot be measured is not called healthy"
    else:
        assert found == verdict
        assert f"{active} of 100" in reason and f"{100 * gap:.1f} %" in reason
    assert reason.count(". ") == 0 and "\n" not in reason


@every_arm
def test_the_same_generator_gives_the_same_diagnosis(flows):
    model = model_with_posterior(first_samples, 0.3, flows)
    first, again = (diagnose(model, clips(32), distance, generator(3)) for _ in range(2))
    assert first == again


@quick
@pytest.mark.parametrize("count", [2, 3, 65])
def test_few_clips_are_diagnosed(count):
    diagnosis = diagnose(model_with_posterior(first_samples, 0.3), clips(count), distance, generator())
    assert diagnosis.n == count
    assert 0 <= diagnosis.mutual_information_low <= math.log(count) + 1e-5
    assert all(math.isfinite(value) for value in vars(diagnosis).values() if isinstance(value, float))


@pytest.mark.filterwarnings("ignore:var")
def test_a_single_clip_is_diagnosed_with_finite_numbers():
    diagnosis = diagnose(model_with_posterior(first_samples, 0.3), clips(1), distance, generator())
    assert math.isfinite(diagnosis.kl) and math.isfinite(diagnosis.shuffle_gap)


@quick
def test_a_dimension_that_the_decoder_does_not_hear_is_not_used():
    def hears_half(latent, generator=None):
        return copying_decoder(latent * torch.tensor([1.0, 1.0, 0.0, 0.0]))

    def on_the_first(a, b):
        return distance(a[:, :2], b[:, :2])

    diagnosis = diagnose(
        model_with_posterior(first_samples, 0.01, decoder=hears_half), clips(100), on_the_first, generator()
    )
    assert (diagnosis.active_units, diagnosis.used_units) == (SIZE, 2)
    assert diagnosis.verdict == "partly_collapsed"


@quick
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_units_by_share_do_not_depend_on_the_scale_of_the_latent(scale):
    model = model_with_posterior(lambda x: scale * first_samples(x) * torch.tensor([1.0, 1.0, 0, 0]), 0.5 * scale)
    assert diagnose(model, clips(100), distance, generator()).active_units_by_share == 2


@quick
@every_arm
def test_the_cheap_form_agrees_with_the_whole_one(flows):
    model, data = model_with_posterior(first_samples, 0.3, flows), clips(150)
    whole = diagnose(model, data, distance, generator())
    row = watch(model, model.posterior(torch.from_numpy(data)), data, distance)
    assert list(row) == [column for column in HISTORY_COLUMNS if column in row] and len(row) == 11
    assert row == watch(model, model.posterior(torch.from_numpy(data)), data, distance)
    assert row["active_units"] == whole.active_units == row["active_units_by_share"]
    assert row["mutual_information"] == pytest.approx(whole.mutual_information, rel=0.05)
    assert row["mutual_information"] + row["marginal_kl"] == pytest.approx(whole.kl, rel=0.05)
    assert row["kl_dimension_lowest"] <= row["kl_dimension_median"] <= row["kl_dimension_highest"]


def test_clips_that_densities_are_fitted_to_besides_bring_the_upper_bound_down():
    # Far from the prior, which would be as good a density as any that is fitted.
    model, data = model_with_posterior(lambda x: 3 * first_samples(x) + 5, 0.02), clips(24)
    alone, helped = (diagnose(model, data, distance, generator(), more) for more in (None, clips(400, seed=1)))
    assert helped.mutual_information_high < alone.mutual_information_high


def test_a_dimension_is_collapsed_where_nearly_all_clips_are_and_not_where_their_mean_is():
    """By definition 1 of Lucas et al. 2019: below 0.1 nats for 95 of 100 clips."""
    kl = torch.zeros(100, 3)
    kl[:4, 0] = 50.0  # 2 nats in the mean
    kl[:10, 1] = 0.2  # 0.02 nats in the mean
    kl[:, 2] = 1.0
    assert collapse_fraction(kl) == pytest.approx(1 / 3)
    assert collapse_fraction(kl[:, :1]) == 1 and collapse_fraction(kl[:, 1:]) == 0


@every_arm
def test_the_watch_finds_a_shifted_aggregate_in_the_divergence_and_not_in_the_information(flows):
    """Every posterior is N(2, I): the divergence is 2 nats a dimension, all of it from the prior."""
    model, data = model_with_posterior(lambda x: torch.full((len(x), SIZE), 2.0), 1.0, flows), clips(100)
    with torch.no_grad():
        row = watch(model, model.posterior(torch.from_numpy(data)), data, distance)
    assert row["mutual_information"] == pytest.approx(0, abs=0.1)
    assert row["marginal_kl"] == pytest.approx(2.0 * SIZE, abs=0.8)
