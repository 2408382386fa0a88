"""A kind of model: what a registry has to know of it to configure, build and load it.

A kind is a folder with two modules: `model` defines `KIND`, and `training` defines `train(model, job)`. They are
separate, so that what only loads models does not depend on the code that trains them.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section
from flowshot.models.base.generator import Generator


@dataclass(frozen=True)
class ModelCard:
    """`config.json`: what is enough to build a model again.

    `files` names what lies beside the weights, each with its SHA-256.
    """

    kind: str
    config: Any
    dataset: str
    sample_rate: int
    clip_samples: int
    files: dict[str, str]


@dataclass(frozen=True)
class ModelKind:
    """What a registry knows of one kind of model.

    Args:
        config: the dataclass of its entry in params.yaml, without `kind` and `train`.
        build: makes the untrained model of a card. Its second argument is the folder that holds the card's files, or
            None before there is one.
        shared: the section of params.yaml that an entry differs from; empty: an entry is complete.
        check: raises FlowshotError where a configuration (called by the first argument) cannot be trained on clips of
            this length in samples, at this sample rate. It must be quick, because it runs before anything else does.
        files: what lies beside the weights: for a configuration, the path to copy of each name.
    """

    config: type[Section]
    build: Callable[[ModelCard, Path | None], Generator]
    shared: str = ""
    check: Callable[[str, Any, int, int], None] = lambda name, config, clip_samples, sample_rate: None
    files: Callable[[Any], dict[str, Path]] = lambda config: {}


def kind_named(kinds: Mapping[str, str], name: str) -> ModelKind:
    """The kind `name` of a registry, which maps names to packages; imports its module `model` alone.

    Raises:
        FlowshotError: there is no such kind.
    """
    if name not in kinds:
        raise FlowshotError(f"there is no kind of model {name!r}; use one of: {', '.join(kinds)}")
    kind: ModelKind = importlib.import_module(f"{kinds[name]}.model").KIND
    return kind
