"""Embedders by the names that `params.yaml` uses. Each is imported only when it is asked for."""

import functools
from collections.abc import Callable
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder


def embedder(name: str, policy: PolicyConfig | None = None, checkpoints: str | None = None) -> Embedder:
    """The embedder called `name`, ready to embed by `policy`; `checkpoints` is a folder with weights that do not ship.

    A process loads each one once.

    Raises:
        FlowshotError: there is none of that name, or a package or weights that it needs are missing.
    """
    if name not in _EMBEDDERS:
        raise FlowshotError(f"score.embeddings: {unknown_embedding(name)}")
    return _loaded(name, policy or PolicyConfig(), Path(checkpoints).expanduser() if checkpoints else None)


@functools.cache
def _loaded(name: str, policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    return _EMBEDDERS[name](policy, checkpoints)


def unknown_embedding(name: str) -> str | None:
    """What is wrong with a name that is no embedder's, and which ones are known; None for one that is."""
    return None if name in _EMBEDDERS else f"{name!r} is no embedding; use one of: {', '.join(sorted(_EMBEDDERS))}"


def _yamnet(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.yamnet import Yamnet  # each embedder's imports cost time only when it is used

    return Yamnet(policy)


def _logmel(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.logmel import LogMel

    return LogMel(policy)


def _musicnn(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.musicnn import Musicnn

    return Musicnn(policy)


def _clap(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.clap import Clap

    return Clap(policy, checkpoints)


def _vggish(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.vggish import Vggish

    return Vggish(policy, checkpoints)


def _pann(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.pann import Pann

    return Pann(policy, checkpoints)


def _encodec(policy: PolicyConfig, checkpoints: Path | None) -> Embedder:
    from flowshot.scoring.embeddings.encodec import Encodec

    return Encodec(policy, checkpoints)


_EMBEDDERS: dict[str, Callable[[PolicyConfig, Path | None], Embedder]] = {
    "yamnet": _yamnet,
    "logmel": _logmel,
    "musicnn": _musicnn,
    "clap": _clap,
    "vggish": _vggish,
    "pann": _pann,
    "encodec": _encodec,
}
