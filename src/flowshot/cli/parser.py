"""The parser of the command line, made from `commands.toml`."""

import argparse
import math
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.core.plan import arm_names
from flowshot.core.sections import NAME

EPILOG = """examples:
  flowshot check && dvc repro
  flowshot sample synth/nf_prior/own --n 32 --out drawn
  flowshot score --reference ~/sounds --candidate drawn

`flowshot COMMAND --help` has options and examples. Every COMMAND takes --json, --verbose and --no-color.
Exit status: 0 done, 1 failed (one line on standard error says why), 2 wrong use."""

Arm = tuple[str, str, str]


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command and of all sub-commands; the name of the chosen one is in `command`."""
    described = tomllib.loads((files("flowshot.cli") / "commands.toml").read_text(encoding="utf-8"))
    shared = described.pop("shared")
    raw = argparse.RawDescriptionHelpFormatter
    about = "Generative models of short sounds: train them, hear them, and measure them."
    parser = argparse.ArgumentParser(prog="flowshot", description=about, epilog=EPILOG, formatter_class=raw)
    commands = parser.add_subparsers(title="sub-commands", metavar="COMMAND", required=True)
    for name, each in described.items():
        what, examples = each["description"], each["examples"].strip().replace("\n", "\n  ")
        command = commands.add_parser(
            name, help=what, description=what, epilog=f"examples:\n  {examples}", formatter_class=raw
        )
        command.set_defaults(command=name, parser=command)
        arguments = each.get("arguments", {})
        for group in (*each.get("shared", []), "every"):
            arguments |= shared[group]
        one_of = any("one_of" in options for options in arguments.values())
        alternatives = command.add_mutually_exclusive_group(required=True) if one_of else command
        for flag, options in arguments.items():
            place = alternatives if options.pop("one_of", False) else command
            _add_argument(place, flag, **options)
    return parser


def _add_argument(place: Any, flag: str, type: str = "", completer: str = "", **options: Any) -> None:
    action = place.add_argument(flag, **options, **({"type": TYPES[type]} if type else {}))
    if completer:
        action.completer = COMPLETERS[completer]  # where argcomplete looks for it


def arm(text: str) -> Arm:
    """The parts of the name of an arm."""
    try:
        return arm_names(text)
    except FlowshotError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def arm_or_folder(text: str) -> Arm | tuple[str, str]:
    """The parts of an arm, or the name and folder of another system."""
    name, equals, folder = text.partition("=")
    if not equals:
        return arm(text)
    if not NAME.fullmatch(name) or name in ("real", "anchor") or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR; a name has letters, digits, `_` and `-`")
    return name, folder


def at_least(least: int, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    """Reads a finite number from `least` on."""

    def read(text: str) -> float:
        number = kind(text)
        if not least <= number < math.inf:
            raise argparse.ArgumentTypeError(f"must be {least} or more")
        return number

    read.__name__ = kind.__name__  # what argparse calls it where the text is no number
    return read


def option(text: str) -> tuple[str, str]:
    """The name and the value of `OPTION=VALUE`, the name as a keyword of Python."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not OPTION=VALUE")
    return name.lstrip("-").replace("-", "_"), value


def attribute(text: str) -> tuple[str, float]:
    """The name and the value of `NAME=VALUE`, from 0 to 1."""
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE, e.g. brightness=0.8") from None
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: an attribute must be between 0 and 1")
    return name, number


def move(text: str) -> tuple[str, float]:
    """The name and the amount of `NAME=+AMOUNT` or `NAME=-AMOUNT`, up to 1."""
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if value[:1] not in ("+", "-") or not -1 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=+AMOUNT or -AMOUNT, e.g. brightness=+0.3")
    return name, number


def planned_arms(**_: Any) -> list[str]:
    """The arms of `params.yaml` in this folder, `DATASET/AUTOENCODER/PRIOR`; none where there is no usable plan."""
    try:
        plan = read_params().plan
    except FlowshotError:
        return []
    return ["/".join((dataset, *arm)) for dataset in plan.datasets for arm in plan.arms]


def named_plans(**_: Any) -> list[str]:
    """The names of `plans` in the params.yaml of this folder."""
    try:
        return list(read_params().names("plans"))
    except FlowshotError:
        return []


def trained_models(prefix: str = "", **_: Any) -> list[str]:
    """The folders of trained models in this folder."""
    return sorted(str(path.parent) for path in Path("models").glob("*/*/*/config.json") if str(path).startswith(prefix))


TYPES = {
    "int": int, "float": float, "positive": at_least(1), "count": at_least(0), "not_negative": at_least(0, float),
    "option": option, "arm": arm, "arm_or_folder": arm_or_folder, "attribute": attribute, "move": move,
}  # fmt: skip
COMPLETERS = {"planned_arms": planned_arms, "named_plans": named_plans, "trained_models": trained_models}
