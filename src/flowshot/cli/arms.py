"""The arm that a sub-command is given: how it is named, which training of it is meant, and how it is loaded."""

import argparse
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.completion import completed_by, planned_arms
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, writing
from flowshot.core.params import Params
from flowshot.core.plan import DIRECT

if TYPE_CHECKING:
    import numpy as np
    import torch

    from flowshot.models.base.autoencoder import Autoencoder
    from flowshot.models.base.generator import Generator
    from flowshot.models.base.kind import ModelCard
    from flowshot.priors.base import LatentPrior

LOGGER = logging.getLogger(__name__)

Arm = tuple[str, str, str]


@dataclass(frozen=True)
class LoadedArm:
    """A trained model with its card, and the prior of an autoencoder; `seed` is that of their training."""

    name: str
    seed: int
    model: "Generator"
    prior: "LatentPrior | None"
    card: "ModelCard"

    def sample(
        self,
        count: int,
        batch_size: int,
        generator: "torch.Generator",
        wanted: Mapping[str, float] | None = None,
    ) -> "np.ndarray":
        """`count` clips `[count, samples]`, with the attributes `wanted` of a generator that knows them."""
        from flowshot.generation.generated import sample_directly
        from flowshot.generation.sampling import sample_clips
        from flowshot.models.base.autoencoder import Autoencoder

        if isinstance(self.model, Autoencoder) and self.prior is not None:
            return sample_clips(self.model, self.prior, count, batch_size, generator).clips
        return sample_directly(self.model, count, batch_size, generator, wanted).clips

    def require_attributes(self, wanted: Mapping[str, float]) -> None:
        """Raise FlowshotError where clips of this arm cannot be asked for one of the attributes `wanted`."""
        known: tuple[str, ...] = getattr(self.model, "attribute_names", ())
        for name in wanted:
            if not known:
                raise FlowshotError(f"{self.name}: cannot be asked for attributes; name a drumgan with a condition")
            if name not in known:
                raise FlowshotError(f"{self.name}: knows no attribute {name!r}; use one of: {', '.join(known)}")

    def encoding(self) -> "tuple[Autoencoder, LatentPrior]":
        """The autoencoder and its prior; raises FlowshotError where the model is a generator, which has no latent."""
        from flowshot.models.base.autoencoder import Autoencoder

        if not isinstance(self.model, Autoencoder) or self.prior is None:
            raise FlowshotError(f"{self.name}: is a generator, which cannot encode; name an arm of an autoencoder")
        return self.model, self.prior


def add_arm(parser: argparse.ArgumentParser) -> None:
    """`ARM` and `--model-seed`, which `load_arm` is given."""
    help_text = "DATASET/AUTOENCODER/PRIOR, or DATASET/GENERATOR"
    completed_by(parser.add_argument("arm", metavar="ARM", type=arm_names, help=help_text), planned_arms)
    add_model_seed(parser)


def add_output_folder(parser: argparse.ArgumentParser) -> None:
    """`--out` and `--force`, as `require_replaceable` takes them, and the `--seed` of what is drawn."""
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draws (%(default)s)")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the clips; it must be new or empty")
    parser.add_argument("--force", action="store_true", help="replace what is in DIR, all of it")


def write_clips(out: Path, clips: "Iterable[np.ndarray]", sample_rate: int, digits: int) -> None:
    """Write `clips` as `0000.flac` and so on, whole or not at all.

    Raises:
        FlowshotError: a clip is not finite, or the folder cannot be written.
    """
    # Imported here: numpy and the decoders take a while, see `load_arm`.
    import numpy as np

    from flowshot.clips.flac import write_flac

    with writing(out), whole_folder(out) as folder:
        for index, clip in enumerate(clips):
            if not np.isfinite(clip).all():
                raise FlowshotError("the model gives NaN or infinity; its training went wrong, train it again")
            write_flac(folder / f"{index:0{digits}d}.flac", clip, sample_rate)


def add_model_seed(parser: argparse.ArgumentParser) -> None:
    """`--model-seed`: which training of an arm."""
    parser.add_argument(
        "--model-seed", type=int, metavar="S", help="which trained model (the plan's first seed that has one)"
    )


def arm_names(text: str) -> Arm:
    """The parts of `DATASET/AUTOENCODER/PRIOR`, or of `DATASET/GENERATOR` with `direct` for the prior."""
    parts = text.split("/")
    if len(parts) == 2:
        parts.append(DIRECT)
    if len(parts) != 3 or any(part in ("", ".", "..") for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no arm: expected DATASET/AUTOENCODER/PRIOR or DATASET/GENERATOR")
    return parts[0], parts[1], parts[2]


def drawn_as(arm: Arm) -> tuple[str, ...]:
    """How the stages of sampling name the draws of an arm."""
    return arm[:2] if arm[2] == DIRECT else arm


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


def load_arm(arguments: argparse.Namespace, params: Params) -> LoadedArm:
    """The arm that `ARM` and `--model-seed` name, on as many threads as there are cores.

    Raises:
        FlowshotError: its autoencoder or prior is missing or damaged, or the prior was fitted under other parameters.
    """
    arm: Arm = arguments.arm
    seed = arguments.model_seed if arguments.model_seed is not None else first_trained_seed(params, arm)
    folders = Path("models", *arm[:2], str(seed)), Path("priors", *arm, str(seed))
    LOGGER.debug("loading %s and %s", *folders)

    with working(f"loading {'/'.join(arm)}"):
        # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
        from flowshot.core.device import prepare_threads
        from flowshot.core.process import workers
        from flowshot.models.autoencoders.registry import load_autoencoder
        from flowshot.models.generators.registry import load_generator
        from flowshot.priors.registry import make_prior, prior_config

        prepare_threads(workers())
        if arm[2] == DIRECT:
            generator, card = load_generator(folders[0])
            return LoadedArm("/".join(arm), seed, generator, None, card)
        model, card = load_autoencoder(folders[0])
        prior = make_prior(arm[2], prior_config(params, arm[2]), model)
        prior.load(folders[1])
    return LoadedArm("/".join(arm), seed, model, prior, card)
