"""The loop in which priors that are networks are fitted, interrupted and taken up again."""

import itertools

import pytest
import torch

from flowshot.core.errors import Interrupted
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.nf import FlowPrior, FlowPriorConfig
from flowshot.priors.rave import RavePrior, RavePriorConfig
from flowshot.priors.rectified_flow import RectifiedFlowPrior, RectifiedFlowPriorConfig

SIZE, STEPS = 4, 30


def nf():
    return FlowPrior(FlowPriorConfig(layers=1, width=8, steps=STEPS, batch_size=16), SIZE)


def rectified_flow():
    return RectifiedFlowPrior(RectifiedFlowPriorConfig(layers=1, width=8, steps=STEPS, batch_size=16), SIZE)


def rave():
    config = RavePriorConfig(layers=1, width=8, skip=8, steps=STEPS, batch_size=16)
    return RavePrior(config, SIZE, 1)


def fitted(make, checkpoint):
    torch.manual_seed(0)
    prior, generator = make(), torch.Generator().manual_seed(1)
    latents = torch.randn(80, SIZE, generator=torch.Generator().manual_seed(2)) * torch.tensor([3.0, 1.0, 0.5, 0.1])
    prior.fit(latents[:60], latents[60:], generator, checkpoint)
    return prior.state_dict()


@pytest.mark.parametrize("make", [nf, rectified_flow, rave])
def test_an_interrupted_fit_ends_bit_for_bit_like_one_that_was_not(make, tmp_path):
    expected = fitted(make, NO_CHECKPOINT)
    for after in (3, 24):  # before and at the first look at the held-out loss
        steps = itertools.count(1)
        with pytest.raises(Interrupted):
            fitted(make, Checkpoint(tmp_path, lambda steps=steps, after=after: next(steps) == after))
    again = fitted(make, Checkpoint(tmp_path))
    assert all(torch.equal(value, again[name]) for name, value in expected.items())
