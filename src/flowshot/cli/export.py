"""`flowshot export`: a trained arm as one file that runs without this package."""

import argparse
from pathlib import Path

from flowshot.cli.arms import load_arm
from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, writing
from flowshot.core.params import read_params
from flowshot.generation.config import SampleConfig

# Between the file's audio and the model's. Rounding of float32 reaches 1e-5; a wrong record differs by far more.
LARGEST_DIFFERENCE = 1e-4
METHODS = ("encode(clips)", "encode_draw(clips, seed)", "decode(latents)", "sample(n, seed)")


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, write it, and compare what was written with it before it takes its place."""
    out = Path(arguments.out).expanduser().resolve()
    if out.is_dir():
        raise FlowshotError(f"{out}: is a folder; name a file with --out")
    if out.exists() and not arguments.force:
        raise FlowshotError(f"{out}: exists; choose another --out, or replace it with --force")
    params = read_params()
    arm = load_arm(arguments, params)
    card, batch_size = arm.card, params.section("sample", SampleConfig).batch_size
    if card.kind != "vae":
        raise FlowshotError(f"{arm.name}: a model of the kind {card.kind} cannot be exported; use `flowshot sample`")
    model, prior = arm.encoding()

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import derive_seed
    from flowshot.export.torchscript import export, largest_difference

    with working("recording"):
        exported = export(arm.name, model, prior, card.sample_rate, batch_size)
    with working("comparing with the model"), writing(out), whole_file(out) as fresh:
        exported.save(str(fresh))
        difference = largest_difference(fresh, model, prior, batch_size)
        if not difference <= LARGEST_DIFFERENCE:  # also where it is NaN
            raise FlowshotError(
                f"{arm.name}: cannot be exported: what was recorded differs from the model by {difference:g}; "
                "use `flowshot sample`, and report this with the model's config.json"
            )
    # The seed that `flowshot sample ARM --seed 0` makes of its own.
    seed = derive_seed(0, "sample", *arguments.arm)
    report = {
        "arm": arm.name, "model_seed": arm.seed, "format": arguments.format, "out": str(out),
        "bytes": out.stat().st_size, "sample_rate": card.sample_rate, "clip_samples": card.clip_samples,
        "latent_size": model.latent_size, "methods": list(METHODS), "largest_difference": difference,
        "seed_of_sample_0": seed,
    }  # fmt: skip
    text = (
        f"{out}: {arm.name}, {out.stat().st_size / 1e6:.1f} MB, within {difference:.1g} of the model\n"
        f"torch.jit.load gives an object with {', '.join(METHODS)}\n"
        f"sample(n, {seed}) gives the clips of `flowshot sample {arm.name} --seed 0`"
    )
    return Outcome(report, text)
