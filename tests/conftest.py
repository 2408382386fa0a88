"""Property tests draw the same examples at every run, so that a change that breaks one is the change that broke it."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from browser import CHROMIUM, Browser

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Training and sampling flush denormal numbers in the whole process; the next test starts with them again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium for all tests of pages; see `browser.py`."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()
