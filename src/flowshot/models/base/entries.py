"""Entries of `autoencoders` and `generators` in params.yaml."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import RESERVED
from flowshot.models.base.kind import ModelKind, kind_named


@dataclass(frozen=True)
class ModelEntry:
    """A checked entry; `package` holds its kind's modules, and `training` its changes of the section `train`.

    It trains for `steps_share` of the budget's steps.
    """

    name: str
    kind_name: str
    package: str
    kind: ModelKind
    config: Any
    training: dict[str, Any]
    steps_share: float


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
    share = entry.pop("steps_share", 1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < math.inf:
        raise FlowshotError(f"{where}.steps_share must be a number above 0, found {share!r}")
    shared = params.values.get(kind.shared) or {} if kind.shared else {}
    config = check_section(kind.config, merge(shared, entry), where)
    return ModelEntry(name, kind_name, kinds[kind_name], kind, config, dict(difference), float(share))
