"""`flowshot export`: a trained arm as one file that runs without this package."""

import argparse
from pathlib import Path

from flowshot.commands.base import Commands, Outcome, add_command
from flowshot.commands.sample import arm_names, first_trained_seed, load_arm
from flowshot.errors import FlowshotError
from flowshot.files import whole_file
from flowshot.params import read_params

LARGEST_DIFFERENCE = 1e-5  # between the file's audio and the model's
METHODS = ("encode(clips)", "encode_draw(clips, seed)", "decode(latents)", "sample(n, seed)")


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Write a trained arm as a TorchScript file that encodes, decodes and samples without this package."
    examples = (
        "flowshot export samples/nf_prior/own --format torchscript --out nf_prior.pt",
        "python -c \"import torch; print(torch.jit.load('nf_prior.pt').sample(16, 1).shape)\"",
    )
    parser = add_command(commands, "export", description, examples, run)
    parser.add_argument("arm", metavar="ARM", type=arm_names, help="DATASET/AUTOENCODER/PRIOR")
    parser.add_argument("--format", choices=("torchscript",), default="torchscript", help="of the file (%(default)s)")
    parser.add_argument("--out", metavar="FILE", required=True, help="file to write; it must not exist")
    parser.add_argument("--model-seed", type=int, help="which trained model (the plan's first seed that has one)")
    parser.add_argument("--force", action="store_true", help="replace FILE")


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, write it, and compare what was written with it before it takes its place."""
    out = Path(arguments.out).expanduser().resolve()
    if out.is_dir():
        raise FlowshotError(f"{out}: is a folder; name a file with --out")
    if out.exists() and not arguments.force:
        raise FlowshotError(f"{out}: exists; choose another --out, or replace it with --force")
    params = read_params()
    arm = "/".join(arguments.arm)
    model_seed = arguments.model_seed
    if model_seed is None:
        model_seed = first_trained_seed(params, arguments.arm)

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.randomness import derive_seed
    from flowshot.stage import workers
    from flowshot.torchscript import export, largest_difference
    from flowshot.training.device import prepare_threads

    prepare_threads(workers())
    model, prior, card = load_arm(arguments.arm, model_seed, params)
    batch_size = params.sample.batch_size
    exported = export(arm, model, prior, card.sample_rate, batch_size)
    try:
        with whole_file(out) as fresh:
            exported.save(str(fresh))
            difference = largest_difference(fresh, model, prior, batch_size)
            # Not greater: NaN is no number below it either.
            if not difference <= LARGEST_DIFFERENCE:
                raise FlowshotError(
                    f"{arm}: cannot be exported: what was recorded differs from the model by {difference:g}; "
                    "use `flowshot sample`, and report this with the model's config.json"
                )
    except OSError as error:
        raise FlowshotError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None
    # The seed that `flowshot sample ARM --seed 0` makes of its own.
    seed = derive_seed(0, "sample", *arguments.arm)
    report = {
        "arm": arm, "model_seed": model_seed, "format": arguments.format, "out": str(out), "bytes": out.stat().st_size,
        "sample_rate": card.sample_rate, "clip_samples": card.clip_samples, "latent_size": model.config.latent_size,
        "methods": list(METHODS), "largest_difference": difference, "seed_of_sample_0": seed,
    }  # fmt: skip
    text = (
        f"{out}: {arm}, {out.stat().st_size / 1e6:.1f} MB, within {difference:.1g} of the model\n"
        f"torch.jit.load gives an object with {', '.join(METHODS)}\n"
        f"sample(n, {seed}) gives the clips of `flowshot sample {arm} --seed 0`"
    )
    return Outcome(report, text)
