import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.optimisation.progress import learning_rate_factor
from flowshot.training.latent_loss import beta_at

steps = st.integers(1, 2000)


@settings(derandomize=True, deadline=None)
@given(total=steps, warmup=st.integers(0, 2000))
def test_the_learning_rate_stays_above_zero_and_never_exceeds_its_setting(total, warmup):
    factors = [learning_rate_factor(step, warmup, total) for step in range(total + 1)]
    assert all(0 < factor <= 1 for factor in factors)


def test_the_learning_rate_rises_linearly_and_falls_to_a_hundredth():
    factors = [learning_rate_factor(step, 10, 100) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert max(factors) == pytest.approx(1) and factors[-1] == pytest.approx(0.01)
    assert factors[10:] == sorted(factors[10:], reverse=True)


@settings(derandomize=True, deadline=None)
@given(beta=st.sampled_from([0.0, 1e-4, 0.01, 1.0, 1000.0]), warmup=st.integers(0, 500))
def test_beta_rises_to_its_full_weight_at_the_end_of_the_warmup_and_stays(beta, warmup):
    values = [beta_at(step, beta, warmup) for step in range(warmup + 3)]
    assert values == sorted(values)
    assert values[max(0, warmup - 1) :] == pytest.approx([beta] * (len(values) - max(0, warmup - 1)))
    if warmup > 1 and beta > 0:
        assert 0 < values[0] < beta
