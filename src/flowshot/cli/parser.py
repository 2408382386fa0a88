"""The parser of the command line, made from `commands.toml`."""

import argparse
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.core.sections import NAME

EPILOG = """examples:
  flowshot check && dvc repro
  flowshot sample synth/nf_prior/own --n 32 --out drawn
  flowshot score --reference ~/sounds --candidate drawn

`flowshot COMMAND --help` has the options and more examples. Every COMMAND takes --json, --verbose and --no-color.
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


def arm_names(text: str) -> Arm:
    """The parts of `DATASET/AUTOENCODER/PRIOR`, or of `DATASET/GENERATOR` with `direct` for the prior."""
    parts = text.split("/")
    if len(parts) == 2:
        parts.append(DIRECT)
    if len(parts) != 3 or any(part in ("", ".", "..") for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no arm: expected DATASET/AUTOENCODER/PRIOR or DATASET/GENERATOR")
    return parts[0], parts[1], parts[2]


def arm_or_folder(text: str) -> Arm | tuple[str, str]:
    """The parts of an arm, or the name and folder of another system."""
    name, equals, folder = text.partition("=")
    if not equals:
        return arm_names(text)
    if not NAME.fullmatch(name) or name in ("real", "anchor") or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=DIR; a name is of letters, digits, `_` and `-`")
    return name, folder


def positive(text: str) -> int:
    """A number of things that are needed."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def count(text: str) -> int:
    """A number of things that may be left out."""
    return 0 if text == "0" else positive(text)


def option(text: str) -> tuple[str, str]:
    """The name and the value of `OPTION=VALUE`, the name as a keyword of Python."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no OPTION=VALUE")
    return name.lstrip("-").replace("-", "_"), value


def planned_arms(**_: Any) -> list[str]:
    """The arms of `params.yaml` in this folder, `DATASET/AUTOENCODER/PRIOR`; none where there is no usable plan."""
    try:
        plan = read_params().plan
    except FlowshotError:
        return []
    return ["/".join((dataset, *arm)) for dataset in plan.datasets for arm in plan.arms]


def trained_models(prefix: str = "", **_: Any) -> list[str]:
    """The folders of trained models in this folder."""
    return sorted(str(path.parent) for path in Path("models").glob("*/*/*/config.json") if str(path).startswith(prefix))


TYPES = {
    "int": int, "float": float, "positive": positive, "count": count, "option": option, "arm": arm_names,
    "arm_or_folder": arm_or_folder,
}  # fmt: skip
COMPLETERS = {"planned_arms": planned_arms, "trained_models": trained_models}
