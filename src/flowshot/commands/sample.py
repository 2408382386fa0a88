"""`flowshot sample`: clips from a trained arm, as FLAC files."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.commands.base import Commands, Outcome, add_command, positive
from flowshot.errors import FlowshotError
from flowshot.files import whole_folder
from flowshot.params import Params, read_params

if TYPE_CHECKING:
    import numpy as np
    import torch

    from flowshot.models.storage import ModelCard
    from flowshot.models.vae import VAE
    from flowshot.priors.base import LatentPrior

AT_ONCE = 1000  # clips held in memory

Arm = tuple[str, str, str]


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Draw clips from a trained arm and write them as FLAC."
    example = "flowshot sample samples/nf_prior/own --n 32 --seed 1 --out drawn"
    parser = add_command(commands, "sample", description, (example,), run)
    parser.add_argument("arm", metavar="ARM", type=arm_names, help="DATASET/AUTOENCODER/PRIOR")
    parser.add_argument("--n", type=positive, default=16, help="how many clips (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    parser.add_argument("--model-seed", type=int, help="which trained model (the plan's first seed that has one)")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the clips; it must be new or empty")
    parser.add_argument("--force", action="store_true", help="replace what is in DIR, all of it")


def arm_names(text: str) -> Arm:
    """The parts of `DATASET/AUTOENCODER/PRIOR`."""
    parts = text.split("/")
    if len(parts) != 3 or any(part in ("", ".", "..") for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no arm: expected DATASET/AUTOENCODER/PRIOR")
    return parts[0], parts[1], parts[2]


def run(arguments: argparse.Namespace) -> Outcome:
    """Load the arm, draw and write, whole or not at all."""
    out = Path(arguments.out).expanduser().resolve()
    require_replaceable(out, arguments.force)
    params = read_params()
    model_seed = arguments.model_seed
    if model_seed is None:
        model_seed = first_trained_seed(params, arguments.arm)

    # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
    from flowshot.audio.flac import write_flac
    from flowshot.randomness import torch_generator
    from flowshot.stage import workers
    from flowshot.training.device import prepare_threads

    prepare_threads(workers())
    model, prior, card = load_arm(arguments.arm, model_seed, params)
    # As the `sample` stage names its draws: the plan's seed and as many clips give what the plan's table is about.
    generator = torch_generator(arguments.seed, "sample", *arguments.arm)
    digits = max(4, len(str(arguments.n - 1)))
    try:
        with whole_folder(out) as folder:
            for index, clip in enumerate(draw(model, prior, arguments.n, params.sample.batch_size, generator)):
                write_flac(folder / f"{index:0{digits}d}.flac", clip, card.sample_rate)
    except OSError as error:
        raise FlowshotError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None
    seconds = card.clip_samples / card.sample_rate
    report = {
        "arm": "/".join(arguments.arm), "model_seed": model_seed, "seed": arguments.seed, "out": str(out),
        "clips": arguments.n, "sample_rate": card.sample_rate, "seconds": seconds,
    }  # fmt: skip
    return Outcome(report, f"{arguments.n} clips of {seconds:g} s at {card.sample_rate} Hz in {out}")


def require_replaceable(out: Path, force: bool) -> None:
    """Raises FlowshotError unless `out` is missing, an empty folder, or with `force` a folder that may be replaced."""
    if not out.exists():
        return
    if not out.is_dir():
        raise FlowshotError(f"{out}: is no folder; choose another --out")
    if Path.cwd().is_relative_to(out):
        raise FlowshotError(f"{out}: is the folder this was called in, or holds it; choose another --out")
    if not force and any(out.iterdir()):
        raise FlowshotError(f"{out}: is not empty; choose another --out, or replace all that is in it with --force")


def first_trained_seed(params: Params, arm: Arm) -> int:
    """The first seed of the plan for which the arm's autoencoder is trained; raises FlowshotError without one."""
    folder = Path("models", *arm[:2])
    for seed in params.plan.seeds:
        if (folder / str(seed) / "config.json").is_file():
            return seed
    seeds = ", ".join(map(str, params.plan.seeds))
    raise FlowshotError(
        f"{folder}: no trained model for the plan's seeds ({seeds}); run `dvc repro`, or name one with --model-seed"
    )


def load_arm(arm: Arm, model_seed: int, params: Params) -> "tuple[VAE, LatentPrior, ModelCard]":
    """The arm's autoencoder with its card, and its fitted prior.

    Raises:
        FlowshotError: either is missing or damaged, or the prior was fitted under other parameters.
    """
    from flowshot.models.storage import load_model  # imports torch, see `run`
    from flowshot.priors.registry import make_prior

    model, card = load_model(Path("models", *arm[:2], str(model_seed)))
    prior = make_prior(arm[2], params.fit_prior, model)
    prior.load(Path("priors", *arm, str(model_seed)))
    return model, prior, card


def draw(
    model: "VAE", prior: "LatentPrior", count: int, batch_size: int, generator: "torch.Generator"
) -> "Iterator[np.ndarray]":
    """`count` clips `[samples]`, drawn in pieces that bound the memory."""
    import numpy as np  # with torch, see `run`

    from flowshot.generation import sample_clips

    for first in range(0, count, AT_ONCE):
        clips = sample_clips(model, prior, min(AT_ONCE, count - first), batch_size, generator).clips
        if not np.isfinite(clips).all():
            raise FlowshotError("the model gives NaN or infinity; its training went wrong, train it again")
        yield from clips
