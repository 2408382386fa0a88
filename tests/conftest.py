"""Property tests draw the same examples at every run, so that a change that breaks one is the change that broke it."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Training and sampling flush denormal numbers in the whole process; the next test starts with them again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
