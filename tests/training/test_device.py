import pytest
import torch

from flowshot.core.process import prepare_threads
from flowshot.training.job import uses_bfloat16
from tiny_vae import settings


@pytest.mark.parametrize(("precision", "expected"), [("float32", False), ("bfloat16", True)])
def test_a_chosen_precision_is_used(precision, expected):
    assert uses_bfloat16(settings(precision=precision), torch.device("cpu")) is expected


def test_threads_are_set_only_where_asked_for():
    before = torch.get_num_threads()
    try:
        prepare_threads(0)
        assert torch.get_num_threads() == before
        prepare_threads(2)
        assert torch.get_num_threads() == 2
        assert float(torch.tensor(1e-39) * 1) == 0, "denormal numbers count as zero"
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
