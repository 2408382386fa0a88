"""`flowshot play`: one page that plays trained arms in a browser, without a server."""

import argparse

from flowshot.cli.arms import load_arm
from flowshot.cli.base import Outcome
from flowshot.cli.export import LARGEST_ONNX_DIFFERENCE, new_file, require_small
from flowshot.cli.terminal import counted, working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, writing
from flowshot.core.params import read_params
from flowshot.preparation.config import dataset_config


def run(arguments: argparse.Namespace) -> Outcome:
    """Export the arms, compare them with their models, and write the page."""
    out, params = new_file(arguments), read_params()
    loaded = [load_arm(name, arguments.model_seed) for name in arguments.arms]
    for arm in loaded:
        if arm.card.kind != "vae":
            raise FlowshotError(
                f"{arm.name}: a model of the kind {arm.card.kind} cannot be played; use `flowshot sample`"
            )
    # Imported here: see `load_arm`.
    from flowshot.export.play import RUNTIME, Page

    with working(f"fetching {RUNTIME.name}"):
        page = Page()
    for arm in counted(loaded, "recording", "arm"):
        difference = page.add(arm.name, *arm.encoding(), dataset_config(params, arm.names[0]))
        require_small(arm.name, difference, LARGEST_ONNX_DIFFERENCE)
    with writing(out), whole_file(out) as fresh:
        fresh.write_text(page.text(), encoding="utf-8")
    size = out.stat().st_size
    names = [arm.name for arm in loaded]
    report = {
        "arms": names, "model_seeds": [arm.seed for arm in loaded], "out": str(out), "bytes": size,
        "runtime": f"{RUNTIME.name} {RUNTIME.version}",
    }  # fmt: skip
    return Outcome(report, f"{out}: {', '.join(names)}, {size / 1e6:.1f} MB; open it in a browser")
