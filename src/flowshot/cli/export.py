"""`flowshot export`: a trained arm as one file that runs without this package."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.cli.arms import load_arm
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, writing
from flowshot.core.params import read_params
from flowshot.generation.config import SampleConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.jit import ScriptModule

    from flowshot.api.arm import Arm

# Between the file's audio and the model's. Rounding of float32 reaches 1e-5; a wrong record differs by far more.
LARGEST_DIFFERENCE = 1e-4
GENERATED = "sample(n, seed)"
METHODS = ("encode(clips)", "encode_draw(clips, seed)", "decode(latents)", GENERATED)


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, write it, and compare what was written with it before it takes its place."""
    out = Path(arguments.out).expanduser().resolve()
    if out.is_dir():
        raise FlowshotError(f"{out}: is a folder; name a file with --out")
    if out.exists() and not arguments.force:
        raise FlowshotError(f"{out}: exists; choose another --out, or replace it with --force")
    batch_size = read_params().section("sample", SampleConfig).batch_size
    arm = load_arm(arguments)
    card = arm.card
    if arm.prior is not None and card.kind != "vae":
        raise FlowshotError(f"{arm.name}: a model of the kind {card.kind} cannot be exported; use `flowshot sample`")

    with working("recording"):
        exported, compare, facts = _recorded(arm, batch_size)
    with working("comparing with the model"), writing(out), whole_file(out) as fresh:
        fresh.write_bytes(exported.save_to_buffer())  # torch's own writer aborts where the disk is full
        difference = compare(fresh)
        if not difference <= LARGEST_DIFFERENCE:  # also where it is NaN
            raise FlowshotError(
                f"{arm.name}: cannot be exported: what was recorded differs from the model by {difference:g}; "
                "use `flowshot sample`, and report this with the model's config.json"
            )
    # The seed that `flowshot sample ARM --seed 0` makes of its own.
    seed = arm.generator(0).initial_seed()
    report = {
        "arm": arm.name, "model_seed": arm.seed, "format": arguments.format, "out": str(out),
        "bytes": out.stat().st_size, "sample_rate": card.sample_rate, "clip_samples": card.clip_samples,
        "largest_difference": difference, "seed_of_sample_0": seed, **facts,
    }  # fmt: skip
    text = (
        f"{out}: {arm.name}, {out.stat().st_size / 1e6:.1f} MB, within {difference:.1g} of the model\n"
        f"torch.jit.load gives an object with {', '.join(facts['methods'])}\n"
        f"sample(n, {seed}) gives the clips of `flowshot sample {arm.name} --seed 0`"
    )
    return Outcome(report, text)


def _recorded(arm: "Arm", batch_size: int) -> "tuple[ScriptModule, Callable[[Path], float], dict[str, Any]]":
    """The arm as TorchScript, what compares a file with it, and what else the report says."""
    # Imported here: see `run`.
    from flowshot.export.generators import export_generator, largest_generator_difference
    from flowshot.export.torchscript import export, largest_difference

    if arm.prior is None:
        exported = export_generator(arm.name, arm.model, batch_size)
        methods = [name for name in ("decode(latents, asked)", GENERATED) if hasattr(exported, name.partition("(")[0])]
        return exported, lambda path: largest_generator_difference(path, arm.model, batch_size), {"methods": methods}
    model, prior = arm.encoding()
    exported = export(arm.name, model, prior, arm.card.sample_rate, batch_size)
    facts = {"latent_size": model.latent_size, "methods": list(METHODS)}
    return exported, lambda path: largest_difference(path, model, prior, batch_size), facts
