"""`flowshot interpolate`: what lies between two sounds in the latent space of a trained arm, as FLAC files."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.arms import add_arm, add_output_folder, load_arm, require_replaceable, write_clips
from flowshot.cli.base import Commands, Outcome, WrongUse, add_command, positive
from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.preparation.config import DatasetConfig, dataset_config

if TYPE_CHECKING:
    from flowshot.models.base.kind import ModelCard
    from flowshot.preparation.cutting import Clip


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Walk from one sound to another through the latent space of a trained arm, and write FLAC."
    examples = (
        "flowshot interpolate synth/nf_prior/own --from kick.wav --to snare.wav --steps 9 --out walk",
        "flowshot interpolate synth/nf_prior/own --seed 3 --out walk",
    )
    parser = add_command(commands, "interpolate", description, examples, run)
    add_arm(parser)
    parser.add_argument("--from", dest="first", metavar="FILE", help="where the walk begins (a draw of the prior)")
    parser.add_argument("--to", dest="last", metavar="FILE", help="where it ends (a draw of the prior)")
    parser.add_argument(
        "--steps", type=positive, default=9, metavar="N", help="how many clips, both ends among them (%(default)s)"
    )
    add_output_folder(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Encode the files, or draw two latents, and decode what lies between, whole or not at all."""
    if arguments.steps < 2:
        raise WrongUse("argument --steps: must be at least 2, for both ends")
    if (arguments.first is None) != (arguments.last is None):
        raise WrongUse("argument --from: goes with --to; give both files, or none for two draws of the prior")
    out = Path(arguments.out).expanduser().resolve()
    require_replaceable(out, arguments.force)
    params = read_params()
    arm = load_arm(arguments, params)
    (model, prior), card = arm.encoding(), arm.card

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator
    from flowshot.generation.interpolation import interpolate, interpolate_latents

    generator = torch_generator(arguments.seed, "interpolate", *arguments.arm)
    if arguments.first is None:
        ends = prior.sample(2, generator)
        clips = model.decode(interpolate_latents(model.prior, ends[0], ends[1], arguments.steps), generator)
        walk = clips.detach().numpy()
    else:
        config = dataset_config(params, arguments.arm[0])
        first, last = (read_clip(Path(file), config, card).samples for file in (arguments.first, arguments.last))
        walk = interpolate(model, first, last, arguments.steps, generator)
    write_clips(out, walk, card.sample_rate, max(2, len(str(arguments.steps - 1))))
    report = {
        "arm": arm.name, "model_seed": arm.seed, "from": arguments.first, "to": arguments.last,
        "seed": arguments.seed, "steps": arguments.steps, "out": str(out), "sample_rate": card.sample_rate,
        "seconds": card.clip_samples / card.sample_rate,
    }  # fmt: skip
    between = "two draws of the prior" if arguments.first is None else f"{arguments.first} and {arguments.last}"
    return Outcome(report, f"{arguments.steps} clips between {between} in {out}")


def read_clip(path: Path, config: DatasetConfig, card: "ModelCard") -> "Clip":
    """The clip of a file as the model knows clips: from its first sound, at the level of its dataset.

    Raises:
        FlowshotError: the file is missing or gives no clip, or the dataset has other clips than the model.
    """
    from flowshot.preparation.cutting import read_clips  # imports the decoders, see `run`
    from flowshot.preparation.selection import REASONS
    from flowshot.sources.decode import UnusableAudio, quiet_decoders

    if (config.sample_rate, config.clip_samples) != (card.sample_rate, card.clip_samples):
        raise FlowshotError(
            f"datasets.{card.dataset}: has clips of {config.clip_samples} samples at {config.sample_rate} Hz, but the "
            f"model was trained on {card.clip_samples} at {card.sample_rate} Hz; train it again with `dvc repro`"
        )
    path = path.expanduser()
    if not path.is_file():
        raise FlowshotError(f"{path}: is no file; give a sound")
    found: list[Clip] = []
    try:
        with quiet_decoders():
            read_clips(path, replace(config, cut="file"), found.append)
    except UnusableAudio as problem:
        raise FlowshotError(f"{path}: {problem.reason} ({REASONS[problem.reason]}); give another sound") from None
    return found[0]
