"""flowshot: train, sample and compare generative models of short sounds."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowshot.api.load import load

__all__ = ["load"]

# torch's threads (GNU OpenMP) wait for each other in a loop. Where another program has a core too, the one that is
# waited for does not run, and a training step was measured seven times slower (2.7 s instead of 0.4 s on two cores).
# Waiting asleep after 1,000 turns cost a seventh where nothing else ran. Read when torch is imported, so set here.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def __getattr__(name: str) -> Any:
    """`flowshot.load`, which is imported when it is asked for, as it needs torch."""
    if name == "load":
        from flowshot.api.load import load

        return load
    raise AttributeError(f"module 'flowshot' has no attribute {name!r}")
