"""An entry may train for a share of the budget's steps."""

import pytest

from defaults import COMMITTED
from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params
from flowshot.models.generators.registry import read_generator


def entry(**changes):
    entries = {"mine": {**COMMITTED.values["generators"]["copies"], **changes}}
    return read_generator(Params(COMMITTED.path, {**COMMITTED.values, "generators": entries}), "mine")


def test_without_one_it_is_the_whole_budget():
    assert (
        entry().steps_share == 1
        and entry(steps_share=0.25).steps_share == 0.25
        and entry(steps_share=2).steps_share == 2
    )


@pytest.mark.parametrize("share", [0, -1, "half", True, float("inf"), float("nan"), None])
def test_what_is_no_share_is_one_line(share):
    with pytest.raises(FlowshotError, match=r"generators\.mine\.steps_share must be a number above 0, found"):
        entry(steps_share=share)
