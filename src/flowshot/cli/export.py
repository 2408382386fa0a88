"""`flowshot export`: a trained arm as one file that runs without this package."""

import argparse
from pathlib import Path

from flowshot.cli.arms import load_arm, replaceable
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, whole_folder, writing
from flowshot.core.params import read_params
from flowshot.generation.config import SampleConfig

# Between the file's audio and the model's. Rounding of float32 reaches 1e-5; a wrong record differs by far more.
LARGEST_DIFFERENCE = 1e-4
METHODS = ("encode(clips)", "encode_draw(clips, seed)", "decode(latents)", "sample(n, seed)")


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, write it, and compare what was written with it before it takes its place."""
    out = replaceable(arguments.out, arguments.force) if arguments.format == "onnx" else new_file(arguments)
    batch_size = read_params().section("sample", SampleConfig).batch_size
    arm = load_arm(arguments)
    if arm.card.kind != "vae":
        kind = arm.card.kind
        raise FlowshotError(f"{arm.name}: a model of the kind {kind} cannot be exported; use `flowshot sample`")
    model, prior = arm.encoding()

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.export.onnx import OPSET, export_onnx
    from flowshot.export.torchscript import export, largest_difference

    rate = arm.card.sample_rate
    report = {
        "arm": arm.name, "model_seed": arm.seed, "format": arguments.format, "out": str(out), "sample_rate": rate,
        "clip_samples": arm.card.clip_samples, "latent_size": model.latent_size,
    }  # fmt: skip
    if arguments.format == "onnx":
        with working("recording and comparing"), writing(out), whole_folder(out) as folder:
            difference = export_onnx(folder, arm.name, model, prior, rate)
            require_small(arm.name, difference)
        size = sum(path.stat().st_size for path in out.iterdir())
        report |= {"bytes": size, "largest_difference": difference, "opset": OPSET}
        graphs = "encode.onnx, decode.onnx, prior.onnx, and arm.json, which says what they take"
        text = f"{out}: {arm.name}, {size / 1e6:.1f} MB, opset {OPSET}, within {difference:.1g} of the model\n{graphs}"
        return Outcome(report, text)
    with working("recording"):
        exported = export(arm.name, model, prior, rate, batch_size)
    with working("comparing with the model"), writing(out), whole_file(out) as fresh:
        fresh.write_bytes(exported.save_to_buffer())  # torch's own writer aborts where the disk is full
        difference = largest_difference(fresh, model, prior, batch_size)
        require_small(arm.name, difference)
    size = out.stat().st_size
    seed = arm.generator(0).initial_seed()  # that `flowshot sample ARM --seed 0` makes of its own
    report |= {"bytes": size, "methods": list(METHODS), "largest_difference": difference, "seed_of_sample_0": seed}
    text = (
        f"{out}: {arm.name}, {size / 1e6:.1f} MB, within {difference:.1g} of the model\n"
        f"torch.jit.load gives an object with {', '.join(METHODS)}\n"
        f"sample(n, {seed}) gives the clips of `flowshot sample {arm.name} --seed 0`"
    )
    return Outcome(report, text)


def new_file(arguments: argparse.Namespace) -> Path:
    """The file of `--out`. Raises FlowshotError where it is a folder, or is there and not to be replaced."""
    out = Path(arguments.out).expanduser().resolve()
    if out.is_dir():
        raise FlowshotError(f"{out}: is a folder; name a file with --out")
    if out.exists() and not arguments.force:
        raise FlowshotError(f"{out}: exists; choose another --out, or replace it with --force")
    return out


def require_small(arm: str, difference: float) -> None:
    """Raise FlowshotError where what was recorded differs from the model."""
    if not difference <= LARGEST_DIFFERENCE:  # also where it is NaN
        raise FlowshotError(
            f"{arm}: cannot be exported: what was recorded differs from the model by {difference:g}; "
            "use `flowshot sample`, and report this with the model's config.json"
        )
