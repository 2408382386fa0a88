"""What the Tab key offers: sub-commands, options, and the arms of the plan."""

import argparse
import os
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params


def offer_completions(parser: argparse.ArgumentParser) -> None:
    """Answer the shell if it asks, which ends the process."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete  # only the shell needs it

        argcomplete.autocomplete(parser)


def planned_arms(**_: Any) -> list[str]:
    """The arms of `params.yaml` in this folder, `DATASET/AUTOENCODER/PRIOR`; none where there is no usable plan."""
    try:
        plan = read_params().plan
    except FlowshotError:
        return []
    return ["/".join((dataset, *arm)) for dataset in plan.datasets for arm in plan.arms]


def trained_models(prefix: str = "", **_: Any) -> list[str]:
    """The folders of trained models below `models/` in this folder."""
    return sorted(str(path.parent) for path in Path("models").glob("*/*/*/config.json") if str(path).startswith(prefix))


def completed_by(action: argparse.Action, completer: Any) -> None:
    """Let `completer` name the values of an argument; argcomplete looks for an attribute of that name."""
    action.completer = completer  # type: ignore[attr-defined]
