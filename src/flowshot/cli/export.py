"""`flowshot export`: a trained arm as one file that runs without this package."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.cli.arms import load_arm, replaceable
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, whole_folder, writing

if TYPE_CHECKING:
    from flowshot.api.arm import Arm

# Between the file's audio and the model's. Rounding of float32 reaches 1e-5; a wrong record differs by far more.
LARGEST_DIFFERENCE = 1e-4
# Another library rounds otherwise, and a tone adds the rounding of its frequency up over the clip.
LARGEST_ONNX_DIFFERENCE = 1e-3
GENERATED = "sample(n, seed)"
METHODS = ("encode(clips)", "encode_draw(clips, seed)", "decode(latents)", GENERATED)


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, write it, and compare what was written with it before it takes its place."""
    graphs = arguments.format == "onnx"
    out = replaceable(arguments.out, arguments.force) if graphs else new_file(arguments)
    arm = load_arm(arguments.arm, arguments.model_seed)
    card = arm.card
    if card.kind != "vae" and (graphs or arm.prior is not None):
        kind = f"a model of the kind {card.kind} cannot be exported" + " as ONNX" * (graphs and arm.prior is None)
        raise FlowshotError(f"{arm.name}: {kind}; use `flowshot sample`")
    facts, text = write_graphs(arm, out) if graphs else write_torchscript(arm, out)
    size = sum(path.stat().st_size for path in (out.iterdir() if graphs else [out]))
    report = {
        "arm": arm.name, "model_seed": arm.seed, "format": arguments.format, "out": str(out), "bytes": size,
        "sample_rate": card.sample_rate, "clip_samples": card.clip_samples, **facts,
    }  # fmt: skip
    difference = facts["largest_difference"]
    return Outcome(report, f"{out}: {arm.name}, {size / 1e6:.1f} MB, within {difference:.1g} of the model\n{text}")


def write_graphs(arm: "Arm", out: Path) -> tuple[dict[str, Any], str]:
    """Write a folder of ONNX graphs; returns what the report says of them, and for people."""
    # Imported here: see `load_arm`.
    from flowshot.export.onnx import OPSET, export_onnx

    model, prior = arm.encoding()
    with working("recording and comparing"), writing(out), whole_folder(out) as folder:
        difference = export_onnx(folder, arm.name, model, prior, arm.sample_rate)
        require_small(arm.name, difference, LARGEST_ONNX_DIFFERENCE)
    facts = {"latent_size": model.latent_size, "largest_difference": difference, "opset": OPSET}
    return facts, f"opset {OPSET}: encode.onnx, decode.onnx, prior.onnx, and arm.json with their shapes"


def write_torchscript(arm: "Arm", out: Path) -> tuple[dict[str, Any], str]:
    """Write a TorchScript file; returns what the report says of it, and for people."""
    # Imported here: see `load_arm`.
    from flowshot.export.generators import export_generator, largest_generator_difference
    from flowshot.export.torchscript import export, largest_difference

    facts: dict[str, Any] = {}
    with working("recording"):
        if arm.prior is None:
            exported = export_generator(arm.name, arm.model, arm.batch_size)
            methods = ["decode(latents, asked)", GENERATED] if hasattr(exported, "decode") else [GENERATED]
        else:
            model, prior = arm.encoding()
            exported = export(arm.name, model, prior, arm.sample_rate, arm.batch_size)
            methods, facts = list(METHODS), {"latent_size": model.latent_size}
    with working("comparing with the model"), writing(out), whole_file(out) as fresh:
        fresh.write_bytes(exported.save_to_buffer())  # torch's own writer aborts where the disk is full
        if arm.prior is None:
            difference = largest_generator_difference(fresh, arm.model, arm.batch_size)
        else:
            difference = largest_difference(fresh, model, prior, arm.batch_size)
        require_small(arm.name, difference, LARGEST_DIFFERENCE)
    seed = arm.generator(0).initial_seed()  # that `flowshot sample ARM --seed 0` makes of its own
    text = (
        f"torch.jit.load gives an object with {', '.join(methods)}\n"
        f"sample(n, {seed}) gives the clips of `flowshot sample {arm.name} --seed 0`"
    )
    return facts | {"methods": methods, "largest_difference": difference, "seed_of_sample_0": seed}, text


def new_file(arguments: argparse.Namespace) -> Path:
    """The file of `--out`. Raises FlowshotError where it is a folder, or is there and not to be replaced."""
    out = Path(arguments.out).expanduser().resolve()
    if out.is_dir():
        raise FlowshotError(f"{out}: is a folder; name a file with --out")
    if out.exists() and not arguments.force:
        raise FlowshotError(f"{out}: exists; choose another --out, or replace it with --force")
    return out


def require_small(arm: str, difference: float, largest: float) -> None:
    """Raise FlowshotError where what was recorded differs from the model."""
    if not difference <= largest:  # also where it is NaN
        raise FlowshotError(
            f"{arm}: cannot be exported: the exported model differs from the original by {difference:g}; "
            "use `flowshot sample`, and report this with the model's config.json"
        )
