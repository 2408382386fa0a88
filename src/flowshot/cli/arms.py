"""The arm that a sub-command is given: how it is named, which training of it is meant, and how it is loaded."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.cli.parser import Arm
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


@dataclass(frozen=True)
class LoadedArm:
    """A trained model with its card, and the prior of an autoencoder; `seed` is that of their training."""

    name: str
    seed: int
    model: "Generator"
    prior: "LatentPrior | None"
    card: "ModelCard"

    def sample(self, count: int, batch_size: int, generator: "torch.Generator") -> "np.ndarray":
        """`count` clips `[count, samples]`."""
        from flowshot.generation.generated import sample_directly
        from flowshot.generation.sampling import sample_clips

        if self.prior is None:
            return sample_directly(self.model, count, batch_size, generator).clips
        return sample_clips(self.encoding()[0], self.prior, count, batch_size, generator).clips

    def encoding(self) -> "tuple[Autoencoder, LatentPrior]":
        """The autoencoder and its prior; raises FlowshotError where the model is a generator, which has no latent."""
        from flowshot.models.base.autoencoder import Autoencoder

        if not isinstance(self.model, Autoencoder) or self.prior is None:
            raise FlowshotError(f"{self.name}: is a generator, which cannot encode; name an arm of an autoencoder")
        return self.model, self.prior


def replaceable(folder: str, force: bool) -> Path:
    """`folder` as a whole path, if it is missing, an empty folder, or with `force` a folder that may be replaced.

    Raises FlowshotError otherwise.
    """
    out = Path(folder).expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise FlowshotError(f"{out}: is no folder; choose another --out")
    if Path.cwd().is_relative_to(out):
        raise FlowshotError(f"{out}: is the folder this was called in, or holds it; choose another --out")
    if out.exists() and not force and any(out.iterdir()):
        raise FlowshotError(f"{out}: is not empty; choose another --out, or replace all that is in it with --force")
    return out


def write_clips(out: Path, clips: "Iterable[np.ndarray]", sample_rate: int, digits: int) -> None:
    """Write `clips` as `0000.flac` and so on, whole or not at all.

    Raises:
        FlowshotError: a clip is not finite, or the folder cannot be written.
    """
    import numpy as np

    from flowshot.clips.flac import write_flac

    with writing(out), whole_folder(out) as folder:
        for index, clip in enumerate(clips):
            if not np.isfinite(clip).all():
                raise FlowshotError("the model gives NaN or infinity; its training went wrong, train it again")
            write_flac(folder / f"{index:0{digits}d}.flac", clip, sample_rate)


def load_arm(arguments: argparse.Namespace, params: Params) -> LoadedArm:
    """The arm that `ARM` and `--model-seed` name, on as many threads as there are cores.

    Raises:
        FlowshotError: its autoencoder or prior is missing or damaged, or the prior was fitted under other parameters.
    """
    arm: Arm = arguments.arm
    name, trained, seed = "/".join(arm), Path("models", *arm[:2]), arguments.model_seed
    if seed is None:
        seed = next((s for s in params.plan.seeds if (trained / str(s) / "config.json").is_file()), None)
    if seed is None:
        seeds = ", ".join(map(str, params.plan.seeds))
        remedy = "run `dvc repro`, or name one with --model-seed"
        raise FlowshotError(f"{trained}: no trained model for the plan's seeds ({seeds}); {remedy}")
    with working(f"loading {name}"):
        # Imported here: torch takes seconds, which mistakes in the arguments should not wait for.
        from flowshot.core.process import prepare_threads, workers
        from flowshot.models.autoencoders.registry import load_autoencoder
        from flowshot.models.generators.registry import load_generator
        from flowshot.priors.registry import make_prior, prior_config

        prepare_threads(workers())
        if arm[2] == DIRECT:
            generator, card = load_generator(trained / str(seed))
            return LoadedArm(name, seed, generator, None, card)
        model, card = load_autoencoder(trained / str(seed))
        prior = make_prior(arm[2], prior_config(params, arm[2]), model)
        prior.load(Path("priors", *arm, str(seed)))
    return LoadedArm(name, seed, model, prior, card)
