"""Entries of `autoencoders` and `generators` in params.yaml: the kind of a model, and what differs in it."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import RESERVED
from flowshot.models.base.kind import ModelKind
from flowshot.training.config import TrainConfig


@dataclass(frozen=True)
class ModelEntry:
    """An entry with its differences applied: the model's kind and configuration, and how it is trained."""

    name: str
    kind_name: str
    kind: ModelKind
    config: Any
    training: TrainConfig


def kind_named(kinds: Mapping[str, str], name: str) -> ModelKind:
    """The kind `name` of a registry, which maps names to modules that define `KIND`; imports that module alone.

    Raises:
        FlowshotError: there is no such kind.
    """
    if name not in kinds:
        raise FlowshotError(f"there is no kind of model {name!r}; use one of: {', '.join(kinds)}")
    kind: ModelKind = importlib.import_module(kinds[name]).KIND
    return kind


def read_entry(params: Params, section: str, name: str, kinds: Mapping[str, str], usual_kind: str) -> ModelEntry:
    """The entry `name` of `section`, checked.

    Raises:
        FlowshotError: there is none, or a value in it is wrong; in one line that names the key.
    """
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
    training = check_section(TrainConfig, merge(params.values.get("train") or {}, difference), f"{where}.train")
    return ModelEntry(name, kind_name, kind, config, training)
