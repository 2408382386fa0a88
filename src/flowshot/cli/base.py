"""What every sub-command of `flowshot` shares: how it is declared, and what it hands back."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import check_section, project_params, read_params

if TYPE_CHECKING:
    from flowshot.preparation.config import DatasetConfig

# argparse gives the object that holds sub-commands no public name.
Commands = Any


@dataclass(frozen=True)
class Outcome:
    """What a sub-command found: `report` is the object of `--json`, `text` is for people."""

    report: dict[str, Any]
    text: str


class WrongUse(Exception):
    """Arguments that parse but cannot be meant: shown as argparse shows its own errors, exit status 2."""


Run = Callable[[argparse.Namespace], Outcome]


def add_command(
    commands: Commands, name: str, description: str, examples: Sequence[str], run: Run
) -> argparse.ArgumentParser:
    """Declare a sub-command; its own arguments are added to what is returned."""
    shown = "\n  ".join(examples)
    about = {"help": description, "description": description, "epilog": f"examples:\n  {shown}"}
    raw = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = commands.add_parser(name, formatter_class=raw, **about)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--verbose", action="store_true", help="say how long it took, and where an error came from")
    parser.add_argument("--no-color", action="store_true", help="no colours, as with the variable NO_COLOR")
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_clip_options(parser: argparse.ArgumentParser) -> None:
    """`--sample-rate` and `--seconds`, which `clip_config` reads; the values of params.yaml by default."""
    usual = "as `clips` in params.yaml"
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help=f"of the clips ({usual})")
    parser.add_argument("--seconds", type=float, metavar="S", help=f"length of a clip ({usual})")


def clip_config(arguments: argparse.Namespace, folder: str, **settings: Any) -> "DatasetConfig":
    """The settings of a dataset made of `folder`; raises WrongUse where an option is out of its limits."""
    from flowshot.preparation.config import DatasetConfig

    usual = dict(project_params().values["clips"]) | {"source": "folder", "path": folder}
    asked = {"sample_rate": arguments.sample_rate, "clip_seconds": arguments.seconds, **settings}
    values = usual | {name: value for name, value in asked.items() if value is not None}
    # The usual fade, as far as the clip is long enough for one.
    values["fade_seconds"] = min(values["fade_seconds"], values["clip_seconds"] / 2)
    try:
        return check_section(DatasetConfig, values, "")
    except FlowshotError as error:
        text = str(error).removeprefix(": ")
        raise WrongUse(text.replace("clip_seconds", "--seconds").replace("sample_rate", "--sample-rate")) from None


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


def completed_by(action: argparse.Action, completer: Any) -> None:
    """Let `completer` name the values of an argument; argcomplete looks for an attribute of that name."""
    action.completer = completer  # type: ignore[attr-defined]


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, numbers to the right; None is left empty, floats have four significant digits."""
    lines = [header, *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    columns = list(zip(*rows, strict=True)) or [("",)] * len(header)
    numeric = [all(value is None or isinstance(value, int | float) for value in column) for column in columns]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            f"{cell:{'>' if right else '<'}{width}}" for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    # A file's name may hold anything, but must not break the line.
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(value))
