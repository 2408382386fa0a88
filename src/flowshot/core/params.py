"""Read and check `params.yaml`: every mistake in it is one line that names the key and the remedy."""

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import PlanConfig
from flowshot.core.sections import NAME, NAME_RULE, to_dict
from flowshot.models.autoencoders.vae.config import AutoencoderConfig
from flowshot.priors.config import PriorsConfig
from flowshot.scoring.config import ReportConfig, SampleConfig, ScoreConfig
from flowshot.sources.config import DatasetConfig
from flowshot.training.config import DRAWS_NEEDED, PARTS_NEEDED, BudgetConfig, TrainConfig

T = TypeVar("T")

MAXIMUM_VALUES, MAXIMUM_DIGITS = 100_000, 400  # in a file of parameters, and of a whole number in it

# Stands for the autoencoder in the scores and tables of real recordings.
REAL = "real"

SECTIONS = {
    "budgets", "plans", "plan", "clips", "datasets", "autoencoder", "autoencoders",
    "train", "fit_prior", "sample", "score", "report",
}  # fmt: skip


@dataclass(frozen=True)
class Params:
    """`params.yaml`, checked. `autoencoders` and `training` hold each entry with its differences applied."""

    plan: PlanConfig
    plans: dict[str, PlanConfig]
    datasets: dict[str, DatasetConfig]
    autoencoders: dict[str, AutoencoderConfig]
    training: dict[str, TrainConfig]
    fit_prior: PriorsConfig
    sample: SampleConfig
    score: ScoreConfig
    report: ReportConfig

    def dataset(self, name: str) -> DatasetConfig:
        """The dataset called `name`; raises FlowshotError where there is none."""
        return _entry(self.datasets, "datasets", name)

    def autoencoder(self, name: str) -> AutoencoderConfig:
        """The autoencoder called `name`; raises FlowshotError where there is none."""
        return _entry(self.autoencoders, "autoencoders", name)

    def training_parameters(self, dataset: str, autoencoder: str) -> dict[str, Any]:
        """Everything that a training depends on, nested by section, to name its run by."""
        return {
            "dataset": to_dict(self.dataset(dataset)),
            "autoencoder": to_dict(self.autoencoder(autoencoder)),
            "train": to_dict(self.training[autoencoder]),
            "budget": to_dict(self.plan.budget),
        }

    def prior_parameters(self, prior: str) -> dict[str, Any]:
        """What a prior depends on besides its latents, by its name; nothing where it is not fitted."""
        return {prior: to_dict(getattr(self.fit_prior, prior))} if hasattr(self.fit_prior, prior) else {}

    def arm_parameters(self, prior: str) -> dict[str, Any]:
        """What an arm depends on besides its training, nested by section."""
        fitted = self.prior_parameters(prior)
        return {"fit_prior": fitted, "sample": to_dict(self.sample), "score": to_dict(self.score)}


def read_params(path: Path | str = "params.yaml") -> Params:
    """Read the whole file and check it.

    Raises:
        FlowshotError: the file is missing, is no YAML, or holds an unknown key, a wrong type, a value
            out of its limits, or a plan that names what is not defined.
    """
    path = Path(path)
    raw = _read_yaml(path)
    unknown = set(map(str, raw)) - SECTIONS
    if unknown:
        raise FlowshotError(f"{path}: {_unknown_key('', sorted(unknown)[0], SECTIONS)}")
    # A section that is left out, or empty, has its defaults.
    raw = {section: {} for section in SECTIONS} | {key: value for key, value in raw.items() if value is not None}
    for section in ("budgets", "plans", "datasets", "autoencoders"):
        _check_names(raw[section], section, path)

    def check(kind: type[T], key: str, value: Any) -> T:
        return check_section(kind, value, f"{path}: {key}")

    for name, budget in raw["budgets"].items():
        check(BudgetConfig, f"budgets.{name}", budget)
    shared, training = raw["autoencoder"], raw["train"]
    check(AutoencoderConfig, "autoencoder", shared)
    check(TrainConfig, "train", training)
    autoencoders, trainings = {}, {}
    for name, entry in raw["autoencoders"].items():
        model = dict(_difference(entry, f"{path}: autoencoders.{name}"))
        difference = _difference(model.pop("train", None), f"{path}: autoencoders.{name}.train")
        autoencoders[name] = check(AutoencoderConfig, f"autoencoders.{name}", {**shared, **model})
        trainings[name] = check(TrainConfig, f"autoencoders.{name}.train", merge(training, difference))
        _check_together(autoencoders[name], trainings[name], f"{path}: autoencoders.{name}")
    params = Params(
        plan=check(PlanConfig, "plan", raw["plan"]),
        plans={name: check(PlanConfig, f"plans.{name}", plan) for name, plan in raw["plans"].items()},
        datasets={name: check(DatasetConfig, f"datasets.{name}", entry) for name, entry in raw["datasets"].items()},
        autoencoders=autoencoders,
        training=trainings,
        fit_prior=check(PriorsConfig, "fit_prior", raw["fit_prior"]),
        sample=check(SampleConfig, "sample", raw["sample"]),
        score=check(ScoreConfig, "score", raw["score"]),
        report=check(ReportConfig, "report", raw["report"]),
    )
    _check_plan(params, path)
    return params


def check_section(kind: type[T], value: Any, where: str) -> T:
    """`value` as the dataclass `kind`; raises FlowshotError with one line that starts with `where`."""
    try:
        # Through JSON, because only there does strict checking accept a list for a tuple.
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise FlowshotError(f"{where}: {error}") from None
    try:
        return _adapter(kind).validate_json(text)  # type: ignore[arg-type] # classes are hashable
    except ValidationError as error:
        raise FlowshotError(f"{where}{_first_problem(kind, error)}") from None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def merge(base: Mapping[str, Any], difference: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `difference` replaced, going into nested mappings."""
    merged = dict(base)
    for key, value in difference.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = merge(base[key], value) if nested else value
    return merged


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        _values(node, {})
        raw = None if node is None else loader.construct_document(node)
    except FileNotFoundError:
        raise FlowshotError(f"{path}: not found; run this in the folder that holds params.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FlowshotError(f"{path}: cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # PyYAML lets the errors of its own conversions through, e.g. of 2026-13-45, which looks like a date.
        raise FlowshotError(f"{path}: no valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise FlowshotError(f"{path}: expected sections such as `plan:` and `datasets:`, found {type(raw).__name__}")
    return raw


def _values(node: yaml.Node | None, known: dict[int, int]) -> int:
    """How many values stand below a node once every `*name` is replaced by what it names.

    Args:
        node: of the document.
        known: the numbers of nodes that were counted before, by their identity; what is being counted counts as none.

    Raises:
        ValueError: there are more than MAXIMUM_VALUES, as ten names of ten each would be after nine levels; or a whole
            number is so long that Python would not write it down again.
    """
    if node is None or id(node) in known:
        return 0 if node is None else known[id(node)]
    known[id(node)] = 0
    if isinstance(node, yaml.ScalarNode):
        if node.tag == "tag:yaml.org,2002:int" and len(node.value) > MAXIMUM_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits")
        total = 1
    elif isinstance(node, yaml.MappingNode):
        total = 1 + sum(_values(key, known) + _values(value, known) for key, value in node.value)
    else:
        total = 1 + sum(_values(value, known) for value in node.value)
    if total > MAXIMUM_VALUES:
        raise ValueError(f"more than {MAXIMUM_VALUES} values once its names are replaced by what they stand for")
    known[id(node)] = total
    return total


def _check_names(entries: Any, section: str, path: Path) -> None:
    if not isinstance(entries, Mapping):
        raise FlowshotError(f"{path}: {section} must be a mapping of names to entries")
    for name in entries:
        if not isinstance(name, str):
            raise FlowshotError(f"{path}: {section}: {name!r} is no text; put the name in quotes")
        if not NAME.fullmatch(name):
            raise FlowshotError(f"{path}: {section}: the name {name!r} {NAME_RULE}")
        if section == "autoencoders" and name == REAL:
            raise FlowshotError(f"{path}: {section}: {name!r} is what real recordings are called; choose another name")


def _difference(entry: Any, where: str) -> Mapping[str, Any]:
    if entry is not None and not isinstance(entry, Mapping):
        raise FlowshotError(f"{where} must be a mapping of what differs, found {entry!r}")
    return entry or {}


def _check_together(model: AutoencoderConfig, training: TrainConfig, where: str) -> None:
    """Here already, before hours may go into the stages in front of `train`."""
    draws = model.noise or (model.tones > 0 and model.front_end == "pqmf")
    if model.rave is None and training.loss.repulsion > 0 and not draws:
        raise FlowshotError(f"{where}: {DRAWS_NEEDED}")
    flows = model.posterior_flow != "none" or model.prior_flow != "none"
    if flows and training.free_bits > 0 and training.free_bits_of == "dimension":
        raise FlowshotError(f"{where}: {PARTS_NEEDED}")


def _check_plan(params: Params, path: Path) -> None:
    plan = params.plan
    for name in plan.datasets:
        _entry(params.datasets, "datasets", name, f"{path}: plan.datasets")
    for name in plan.autoencoders:
        _entry(params.autoencoders, "autoencoders", name, f"{path}: plan.autoencoders")
    priors = {field.name: getattr(params.fit_prior, field.name) for field in fields(params.fit_prior)}
    for name in plan.priors:
        _entry(priors, "fit_prior", name, f"{path}: plan.priors")


def _entry(entries: Mapping[str, T], section: str, name: str, where: str = "params.yaml") -> T:
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise FlowshotError(f"{where}: {name!r} is not defined; add it under `{section}`, or use one of: {known}")
    return entries[name]


def _first_problem(kind: Any, error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    location = [str(part) for part in problem["loc"]]
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        prefix = "".join(f".{part}" for part in location[:-1])
        return ": " + _unknown_key(prefix, location[-1], _known_keys(kind, location[:-1]))
    where = "".join(f".{part}" for part in location)
    if problem["type"] in ("missing", "missing_argument"):
        return f"{where}: is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    found = "" if problem["type"] == "value_error" else f", found {problem['input']!r}"
    return f"{where}: {message[0].lower()}{message[1:]}{found}"


def _known_keys(kind: Any, location: list[str]) -> set[str]:
    for part in location:
        kind = next((field.type for field in fields(kind) if field.name == part), None)
        if not is_dataclass(kind):
            return set()
    return {field.name for field in fields(kind)}


def _unknown_key(prefix: str, key: str, known: set[str]) -> str:
    if not known:
        return f"unknown key {f'{prefix}.{key}'.lstrip('.')!r}; it has no keys"
    close = difflib.get_close_matches(key, sorted(known), n=1)
    remedy = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(sorted(known))}"
    name = f"{prefix}.{key}".lstrip(".")
    return f"unknown key {name!r}; {remedy}"
