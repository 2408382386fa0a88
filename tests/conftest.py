"""Property tests draw the same examples at every run, so that a change that breaks one is the change that broke it."""

from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")
