"""What sub-commands of `flowshot` share: what they hand back, settings of clips, and tables."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tabulate

from flowshot.core.errors import FlowshotError
from flowshot.core.params import check_section, project_params
from flowshot.preparation.config import DatasetConfig

tabulate.MIN_PADDING = 0  # a column is as wide as its header, no wider


@dataclass(frozen=True)
class Outcome:
    """What a sub-command found: `report` is the object of `--json`, `text` is for people."""

    report: dict[str, Any]
    text: str


class WrongUse(Exception):
    """Arguments that parse but cannot be meant: shown as argparse shows its own errors, exit status 2."""


def clip_config(arguments: argparse.Namespace, folder: str, **settings: Any) -> DatasetConfig:
    """The settings of a dataset made of `folder`; raises WrongUse where an option is out of its limits."""
    usual = project_params().section("clips", dict[str, Any]) | {"source": "folder", "path": folder}
    asked = {"sample_rate": arguments.sample_rate, "clip_seconds": arguments.seconds, **settings}
    values = usual | {name: value for name, value in asked.items() if value is not None}
    # The usual fade, as far as the clip is long enough for one.
    values["fade_seconds"] = min(values["fade_seconds"], values["clip_seconds"] / 2)
    try:
        return check_section(DatasetConfig, values, "")
    except FlowshotError as error:
        text = str(error).removeprefix(": ")
        raise WrongUse(text.replace("clip_seconds", "--seconds").replace("sample_rate", "--sample-rate")) from None


def table(header: Sequence[str], rows: Sequence[Sequence[object]], widths: Sequence[int | None] | None = None) -> str:
    """Aligned columns, numbers to the right; None is left empty, floats have four significant digits.

    `widths` are the columns' largest, beyond which their words are wrapped.
    """
    # A text stays what it is, also the name of a file that could be read as a number.
    texts = [place for place, column in enumerate(zip(*rows, strict=True)) if any(isinstance(e, str) for e in column)]
    return tabulate.tabulate(
        rows, header, floatfmt=".4g", numalign="right", disable_numparse=texts, maxcolwidths=widths if rows else None
    )
