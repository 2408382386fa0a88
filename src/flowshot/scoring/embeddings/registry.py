"""Embedders by the names that `params.yaml` uses. Each is imported only when it is asked for: imports take seconds."""

import functools
import importlib
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder

# The module and the class of each.
EMBEDDERS = {
    "yamnet": ("yamnet", "Yamnet"),
    "logmel": ("logmel", "LogMel"),
    "aisfx": ("aisfx", "Aisfx"),
    "birdnet": ("birdnet", "Birdnet"),
    "clap": ("package_networks", "Clap"),
    "vggish": ("package_networks", "Vggish"),
    "pann": ("package_networks", "Pann"),
    "encodec": ("package_networks", "Encodec"),
}


def embedder(name: str, policy: PolicyConfig, checkpoints: str | None = None) -> Embedder:
    """The embedder called `name`, ready to embed by `policy`; `checkpoints` is a folder with weights that do not ship.

    A process loads each one once.

    Raises:
        FlowshotError: there is none of that name, or a package or weights that it needs are missing.
    """
    if problem := unknown_embedding(name):
        raise FlowshotError(f"score.embeddings: {problem}")
    return _loaded(name, policy, Path(checkpoints).expanduser() if checkpoints else None)


def unknown_embedding(name: str) -> str | None:
    """What is wrong with a name that is no embedder's, and which ones are known; None for one that is."""
    return None if name in EMBEDDERS else f"{name!r} is not an embedding; use one of: {', '.join(sorted(EMBEDDERS))}"


@functools.cache
def _loaded(name: str, policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    module, network = EMBEDDERS[name]
    found = getattr(importlib.import_module(f"flowshot.scoring.embeddings.{module}"), network)
    return found(policy, checkpoints)
