"""Read `params.yaml` and check its sections: every mistake in it is one line that names the key and the remedy.

A section is checked when a part of the program asks for it, as the dataclass that this part owns. So a change to one
section, or to the code that reads it, concerns that part alone. `params.yaml` is also where every default stands.
"""

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import PlanConfig
from flowshot.core.sections import NAME, NAME_RULE

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

PARAMS = Path("params.yaml")
# The file of this project, for commands that are called outside of it.
PROJECT_PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"

SECTIONS = frozenset({
    "budgets", "plans", "plan", "clips", "datasets", "autoencoder", "autoencoders", "generators",
    "train", "fit_prior", "sample", "score", "report",
})  # fmt: skip
UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")  # what pydantic calls it
NAMED = ("budgets", "plans", "datasets", "autoencoders", "generators", "fit_prior")  # sections with named entries


@dataclass(frozen=True)
class Params:
    """The sections of a file of parameters as plain values; each is checked when it is asked for."""

    path: Path
    values: Mapping[str, Any]

    @property
    def plan(self) -> PlanConfig:
        """The plan that runs."""
        if isinstance(name := self.values.get("plan"), str):
            raise FlowshotError(f"{self.path}: plan: expected the values of a plan; `flowshot plan {name}` writes them")
        return self.section("plan", PlanConfig)

    def named_plan(self, name: str) -> dict[str, Any]:
        """The plan `name` of `plans` with its budget, as plain values."""
        entry = {"name": name, "clips": None, **self.entry("plans", name)}
        if isinstance(budget := entry.get("budget"), str):
            entry["budget"] = self.entry("budgets", budget)
        return entry

    def section(self, key: str, kind: type[T]) -> T:
        """The section `key`, with dots for nested ones, as the dataclass `kind`."""
        value: Any = self.values
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise FlowshotError(f"{self.path}: {key}: is missing; add it")
            value = value[part]
        return check_section(kind, value, f"{self.path}: {key}")

    def entry(self, section: str, name: str) -> dict[str, Any]:
        """The entry `name` of a section of names, as plain values; raises FlowshotError if there is none."""
        entries = self.values.get(section) or {}
        if name not in entries:
            known = ", ".join(sorted(entries)) or "none"
            raise FlowshotError(
                f"{self.path}: {section}: {name!r} is not defined; add it under `{section}`, or use one of: {known}"
            )
        entry = entries[name]
        if entry is not None and not isinstance(entry, Mapping):
            raise FlowshotError(f"{self.path}: {section}.{name} must be a mapping of differences, found {entry!r}")
        return dict(entry or {})

    def names(self, section: str) -> tuple[str, ...]:
        """The names of a section's entries, in the order of the file."""
        return tuple(self.values.get(section) or {})


def read_params(path: Path | str = PARAMS) -> Params:
    """Read the file; its sections are checked when they are asked for.

    Raises:
        FlowshotError: the file is missing or no YAML, a section is unknown or no mapping, or a name cannot be one.
    """
    path = Path(path)
    return parse_params(read_text(path), path)


def parse_params(text: str, path: Path) -> Params:
    """As `read_params`, from the text of the file `path`."""
    raw = _parse_yaml(text, path)
    unknown = sorted(set(map(str, raw)) - SECTIONS)
    if unknown:
        raise FlowshotError(f"{path}: {_unknown_key('', unknown[0], SECTIONS)}")
    for section, values in raw.items():
        if section == "plan" or values is None:  # for `plan`, see `Params.plan`
            continue
        if not isinstance(values, Mapping):
            what = "a mapping of names to entries" if section in NAMED else "a mapping"
            raise FlowshotError(f"{path}: {section} must be {what}, found {values!r}")
        if section in NAMED:
            _check_names(values, section, path)
    return Params(path, raw)


def project_params() -> Params:
    """The parameters of this folder, or of flowshot's own project if this folder has none."""
    return read_params(PARAMS if PARAMS.is_file() else PROJECT_PARAMS)


def check_section(kind: type[T], value: Any, where: str) -> T:
    """`value` as the dataclass `kind`; raises FlowshotError with one line that starts with `where`."""
    # Imported here: models and trainings must be usable where only torch, numpy and nflows are installed.
    from pydantic import ValidationError

    try:
        # Through JSON, because only there does strict checking accept a list for a tuple.
        return _adapter(kind).validate_json(json.dumps(value))  # type: ignore[arg-type] # classes are hashable
    except ValidationError as error:
        raise FlowshotError(f"{where}{_first_problem(kind, error)}") from None
    except (TypeError, ValueError) as error:
        raise FlowshotError(f"{where}: {error}") from None


def merge(base: Mapping[str, Any], difference: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `difference` replaced, also within nested mappings."""
    merged = dict(base)
    for key, value in difference.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = merge(base[key], value) if nested else value
    return merged


@functools.cache
def _adapter(kind: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read_text(path: Path) -> str:
    """The text of the file. Raises FlowshotError if it is missing or cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FlowshotError(f"{path}: not found; run this in the folder that holds params.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FlowshotError(f"{path}: cannot be read: {error}") from None


def _parse_yaml(text: str, path: Path) -> dict[str, Any]:
    # The reader that DVC uses, so that a number DVC writes, such as 1e-05, is a number here too.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        raw = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        remedy = "; `flowshot plan NAME` chooses a plan" if "undefined alias" in str(error) else ""
        raise FlowshotError(f"{path}: not valid YAML: {' '.join(str(error).split())[:300]}{remedy}") from None
    if not isinstance(raw, dict):
        raise FlowshotError(f"{path}: expected sections such as `plan:` and `datasets:`, found {type(raw).__name__}")
    return raw


def _check_names(entries: Mapping[Any, Any], section: str, path: Path) -> None:
    for name in entries:
        if not isinstance(name, str):
            raise FlowshotError(f"{path}: {section}: {name!r} is not a string; put the name in quotes")
        if not NAME.fullmatch(name):
            raise FlowshotError(f"{path}: {section}: the name {name!r} {NAME_RULE}")


def _first_problem(kind: Any, error: "ValidationError") -> str:
    problems = error.errors(include_url=False)
    # A key that is misspelt is also missing: say first what it should be.
    problem = next((each for each in problems if each["type"] in UNKNOWN_KEY), problems[0])
    location = [str(part) for part in problem["loc"]]
    if problem["type"] in UNKNOWN_KEY:
        prefix = "".join(f".{part}" for part in location[:-1])
        return ": " + _unknown_key(prefix, location[-1], _known_keys(kind, location[:-1]))
    where = "".join(f".{part}" for part in location)
    if problem["type"] in ("missing", "missing_argument"):
        return f"{where}: is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    found = "" if problem["type"] == "value_error" else f", found {problem['input']!r}"
    return f"{where}: {message[0].lower()}{message[1:]}{found}"


def _known_keys(kind: Any, location: list[str]) -> frozenset[str]:
    for part in location:
        kind = next((field.type for field in fields(kind) if field.name == part), None)
        if not is_dataclass(kind):
            return frozenset()
    return frozenset(field.name for field in fields(kind))


def _unknown_key(prefix: str, key: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1)
    remedy = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(sorted(known)) or 'none'}"
    return f"unknown key {f'{prefix}.{key}'.lstrip('.')!r}; {remedy}"
