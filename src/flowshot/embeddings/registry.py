"""Embedders by the names that `params.yaml` uses. Each is imported only when it is asked for."""

from collections.abc import Callable

from flowshot.embeddings.base import Embedder
from flowshot.errors import FlowshotError


def embedder(name: str) -> Embedder:
    """The embedder called `name`, ready to embed.

    Raises:
        FlowshotError: there is none of that name, or a package or weights that it needs are missing.
    """
    if name not in _EMBEDDERS:
        known = ", ".join(sorted(_EMBEDDERS))
        raise FlowshotError(f"score.embeddings: {name!r} is no embedding; use one of: {known}")
    return _EMBEDDERS[name]()


def _yamnet() -> Embedder:
    from flowshot.embeddings.yamnet import Yamnet  # each embedder's imports cost time only when it is used

    return Yamnet()


def _logmel() -> Embedder:
    from flowshot.embeddings.logmel import LogMel

    return LogMel()


_EMBEDDERS: dict[str, Callable[[], Embedder]] = {"yamnet": _yamnet, "logmel": _logmel}
