"""`flowshot edit`: a sound with some attributes moved and its style kept, by an arm that can be steered, as FLAC."""

import argparse
from pathlib import Path
from typing import Any

from flowshot.cli.arms import begin, finish
from flowshot.cli.base import Outcome, table
from flowshot.core.errors import FlowshotError


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm and the sound, move its attributes and write, whole or not at all."""
    (out, arm), moves = begin(arguments), dict(arguments.attribute)

    # Imported here: see `load_arm`.
    import torch

    from flowshot.clips.attributes import ATTRIBUTES, attributes
    from flowshot.priors.base import AttributePrior

    arm.require_attributes(moves)
    if not isinstance(arm.prior, AttributePrior):
        raise FlowshotError(f"{arm.name}: cannot edit a sound; use an arm with the prior `platune`")
    clip = torch.from_numpy(arm.read_sound(Path(arguments.file)))[None]
    edited, read = arm.prior.edit(arm.encode(clip), moves)
    made = arm.decode(edited)
    before, after = (attributes(each, arm.sample_rate)[0].tolist() for each in (clip, made))
    names = arm.prior.attribute_names
    columns: dict[str, Any] = {
        "before": dict(zip(ATTRIBUTES, before, strict=True)),
        "read": dict(zip(names, read[0].tolist(), strict=True)),
        "moves": moves,
        "after": dict(zip(ATTRIBUTES, after, strict=True)),
    }
    written = finish(out, arm, made.numpy(), 1, "", file=arguments.file, **columns)
    rows = [(name, *(column.get(name) for column in columns.values())) for name in names]
    header = ("attribute", "of the sound", "as the prior reads it", "moved by", "of the result")
    return Outcome(written.report, f"{table(header, rows)}\n\n{arguments.file}, edited, in {out}")
