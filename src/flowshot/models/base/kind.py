"""A kind of model is a folder with two modules: `model` defines `KIND`, and `training` defines `train(model, job)`.

Code that only loads models does not depend on their training.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import RESERVED
from flowshot.core.sections import Section
from flowshot.models.base.generator import Generator


@dataclass(frozen=True)
class ModelCard:
    """`config.json`, from which a model is built again; `files` maps files beside the weights to their SHA-256."""

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
        build: makes the untrained model of a card; its folder holds the card's files, or is None before training.
        shared: the section of params.yaml that an entry differs from; empty: an entry is complete.
        check: `(name, config, clip_samples, sample_rate)` raises FlowshotError where the configuration cannot be
            trained on such clips. It must be quick, because it runs before every reproduction.
        files: the files to copy beside the weights, by their names there.
    """

    config: type[Section]
    build: Callable[[ModelCard, Path | None], Generator]
    shared: str = ""
    check: Callable[[str, Any, int, int], None] = lambda name, config, clip_samples, sample_rate: None
    files: Callable[[Any], dict[str, Path]] = lambda config: {}


@dataclass(frozen=True)
class ModelEntry:
    """A checked entry of params.yaml; `package` holds the modules of its kind, `training` its changes of `train`."""

    name: str
    kind_name: str
    package: str
    kind: ModelKind
    config: Any
    training: dict[str, Any]


def kind_named(kinds: Mapping[str, str], name: str) -> ModelKind:
    """The kind `name` of a registry, which maps names to packages. Raises FlowshotError where there is none."""
    if name not in kinds:
        raise FlowshotError(f"there is no kind of model {name!r}; use one of: {', '.join(kinds)}")
    kind: ModelKind = importlib.import_module(f"{kinds[name]}.model").KIND
    return kind


def read_entry(params: Params, section: str, name: str, kinds: Mapping[str, str], usual_kind: str) -> ModelEntry:
    """The entry `name` of `section`; raises FlowshotError where there is none, or a value is wrong."""
    where = f"{params.path}: {section}.{name}"
    if name in RESERVED:
        raise FlowshotError(f"{where}: this name has a meaning of its own in the tables; choose another")
    entry = params.entry(section, name)
    kind_name = entry.pop("kind", usual_kind)
    if kind_name not in kinds:
        raise FlowshotError(f"{where}.kind: found {kind_name!r}; use one of: {', '.join(kinds)}")
    kind = kind_named(kinds, kind_name)
    difference = entry.pop("train", None) or {}
    if not isinstance(difference, Mapping):
        raise FlowshotError(f"{where}.train must be a mapping of what differs, found {difference!r}")
    shared = params.values.get(kind.shared) or {} if kind.shared else {}
    config = check_section(kind.config, merge(shared, entry), where)
    return ModelEntry(name, kind_name, kinds[kind_name], kind, config, dict(difference))
