"""What every section of `params.yaml` shares: how it is checked, what names may be, and its plain values.

It needs the standard library alone, because models and training run where only torch, numpy and nflows are.
"""

import dataclasses
import re
from typing import Any, ClassVar

# Datasets, autoencoders and plans name folders and stages.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
NAME_RULE = "must consist of letters, digits, `_` and `-`"


class Section:
    """A part of `params.yaml`: unknown keys, other types than the declared ones, and infinite numbers are errors."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds, as dataclasses do for a wrong value."""
    if not condition:
        raise ValueError(message)


def require_pattern(text: str, name: str) -> None:
    """Raise ValueError unless `text`, the value of the key `name`, is a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{name} is not a regular expression: {error}") from None


def to_dict(section: Any) -> dict[str, Any]:
    """The section as plain values, for `config.json` and for logging."""
    return dataclasses.asdict(section)
