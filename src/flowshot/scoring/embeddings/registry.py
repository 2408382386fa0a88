"""Embedders by the names that `params.yaml` uses. Each is imported only when it is asked for: imports take seconds."""

import functools
from collections.abc import Callable
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder


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
    return None if name in EMBEDDERS else f"{name!r} is no embedding; use one of: {', '.join(sorted(EMBEDDERS))}"


@functools.cache
def _loaded(name: str, policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    return EMBEDDERS[name](policy, checkpoints)


def _yamnet(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.yamnet import Yamnet

    return Yamnet(policy)


def _logmel(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.logmel import LogMel

    return LogMel(policy)


def _musicnn(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.musicnn import Musicnn

    return Musicnn(policy)


def _package(name: str, policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings import package_networks

    return package_networks.NETWORKS[name](policy, checkpoints)


EMBEDDERS: dict[str, Callable[[PolicyConfig, Path | None], Embedder]] = {
    "yamnet": _yamnet,
    "logmel": _logmel,
    "musicnn": _musicnn,
    **{name: functools.partial(_package, name) for name in ("clap", "vggish", "pann", "encodec")},
}
