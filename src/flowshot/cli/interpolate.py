"""`flowshot interpolate`: what lies between two sounds in the latent space of a trained arm, as FLAC files."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.arms import load_arm, replaceable, write_clips
from flowshot.cli.base import Outcome, WrongUse
from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.preparation.config import DatasetConfig, dataset_config

if TYPE_CHECKING:
    import numpy as np

    from flowshot.models.base.kind import ModelCard


def run(arguments: argparse.Namespace) -> Outcome:
    """Encode the files, or draw two latents, and decode what lies between, whole or not at all."""
    if arguments.steps < 2:
        raise WrongUse("argument --steps: must be at least 2, for both ends")
    if (arguments.first is None) != (arguments.last is None):
        raise WrongUse("argument --from: goes with --to; give both files, or none for two draws of the prior")
    out = replaceable(arguments.out, arguments.force)
    params = read_params()
    arm = load_arm(arguments, params)
    (model, prior), card = arm.encoding(), arm.card

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.core.randomness import torch_generator
    from flowshot.generation.interpolation import interpolate, interpolate_latents

    generator = torch_generator(arguments.seed, "interpolate", *arguments.arm)
    if arguments.first is None:
        between, ends = "two draws of the prior", prior.sample(2, generator)
        latents = interpolate_latents(model.prior, ends[0], ends[1], arguments.steps)
        walk = model.decode(latents, generator).detach().numpy()
    else:
        between, config = f"{arguments.first} and {arguments.last}", dataset_config(params, arguments.arm[0])
        first, last = (read_sound(Path(file).expanduser(), config, card) for file in (arguments.first, arguments.last))
        walk = interpolate(model, first, last, arguments.steps, generator)
    write_clips(out, walk, card.sample_rate, max(2, len(str(arguments.steps - 1))))
    report = {
        "arm": arm.name, "model_seed": arm.seed, "from": arguments.first, "to": arguments.last,
        "seed": arguments.seed, "steps": arguments.steps, "out": str(out), "sample_rate": card.sample_rate,
        "seconds": card.clip_samples / card.sample_rate,
    }  # fmt: skip
    return Outcome(report, f"{arguments.steps} clips between {between} in {out}")


def read_sound(path: Path, config: DatasetConfig, card: "ModelCard") -> "np.ndarray":
    """A clip `[samples]` of a file as the model knows clips: from its first sound, at the level of its dataset.

    Raises:
        FlowshotError: the file is missing or gives no clip, or the dataset has other clips than the model.
    """
    from flowshot.preparation.cutting import Clip, read_clips  # imports the decoders, see `run`
    from flowshot.preparation.selection import REASONS
    from flowshot.sources.decode import UnusableAudio, quiet_decoders

    if (config.sample_rate, config.clip_samples) != (card.sample_rate, card.clip_samples):
        raise FlowshotError(
            f"datasets.{card.dataset}: has clips of {config.clip_samples} samples at {config.sample_rate} Hz, but the "
            f"model was trained on {card.clip_samples} at {card.sample_rate} Hz; train it again with `dvc repro`"
        )
    if not path.is_file():
        raise FlowshotError(f"{path}: is no file; give a sound")
    found: list[Clip] = []
    try:
        with quiet_decoders():
            read_clips(path, replace(config, cut="file"), found.append)
    except UnusableAudio as problem:
        raise FlowshotError(f"{path}: {problem.reason} ({REASONS[problem.reason]}); give another sound") from None
    return found[0].samples
