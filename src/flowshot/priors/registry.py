"""The priors by name. A new one is a file of its own, a line here, and a section of `fit_prior`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, write_json
from flowshot.core.params import Params, check_section
from flowshot.core.sections import Section, to_dict
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.after import NEEDS_FRAMES, AfterPrior, AfterPriorConfig
from flowshot.priors.base import LatentPrior
from flowshot.priors.gmm import GaussianMixturePrior, GaussianMixturePriorConfig
from flowshot.priors.nf import FlowPrior, FlowPriorConfig
from flowshot.priors.own import OwnPrior, OwnPriorConfig
from flowshot.priors.platune import PlatunePrior, PlatunePriorConfig
from flowshot.priors.rave import RavePrior, RavePriorConfig
from flowshot.priors.rectified_flow import RectifiedFlowPrior, RectifiedFlowPriorConfig

CONFIG = "config.json"  # beside the weights, so that options of sampling change the folder as well


@dataclass(frozen=True)
class PriorKind:
    """The dataclass of a prior's section, and how to make the prior for an autoencoder."""

    config: type[Section]
    make: Callable[[Any, Autoencoder], LatentPrior]
    needs_frames: str = ""  # why a latent that is one vector is refused; empty: it is not


PRIORS: dict[str, PriorKind] = {
    "own": PriorKind(OwnPriorConfig, lambda config, model: OwnPrior(model.prior)),
    "nf": PriorKind(FlowPriorConfig, lambda config, model: FlowPrior(config, model.latent_size)),
    "gmm": PriorKind(GaussianMixturePriorConfig, lambda config, model: GaussianMixturePrior(config, model.latent_size)),
    "rectified_flow": PriorKind(
        RectifiedFlowPriorConfig, lambda config, model: RectifiedFlowPrior(config, model.latent_size)
    ),
    "rave": PriorKind(RavePriorConfig, lambda config, model: RavePrior(config, *model.latent_shape)),
    "platune": PriorKind(PlatunePriorConfig, lambda config, model: PlatunePrior(config, *model.latent_shape)),
    "after": PriorKind(AfterPriorConfig, lambda config, model: AfterPrior(config, *model.latent_shape), NEEDS_FRAMES),
}


def prior_config(params: Params, name: str) -> Any:
    """The section of the prior `name`, checked. Raises FlowshotError where there is no such prior."""
    if name not in PRIORS:
        raise FlowshotError(f"{params.path}: there is no prior {name!r}; use one of: {', '.join(PRIORS)}")
    section = params.entry("fit_prior", name)
    return check_section(PRIORS[name].config, section, f"{params.path}: fit_prior.{name}")


def save_prior(folder: Path, prior: LatentPrior, config: Section) -> None:
    """Write what `load_prior` reads: the weights, and the section that they were fitted with."""
    prior.save(folder)
    write_json(folder / CONFIG, to_dict(config))


def load_prior(folder: Path, name: str, params: Params, model: Autoencoder) -> LatentPrior:
    """The prior `name` that was fitted to the latents of `model` and written to `folder`.

    Raises:
        FlowshotError: it is missing or damaged, or was fitted with other parameters than those of `fit_prior`.
    """
    config = prior_config(params, name)
    prior = make_prior(name, config, model)
    prior.load(folder)
    expected = json.loads(json.dumps(to_dict(config)))  # as it is read from a file: tuples are lists
    if expected and read_json(folder / CONFIG) != expected:  # `own` has no options, and needs no file
        raise FlowshotError(
            f"{folder}: was fitted with other parameters than those of fit_prior.{name}; run `dvc repro`"
        )
    return prior


def make_prior(name: str, config: Any, model: Autoencoder) -> LatentPrior:
    """The prior `name` for the latents of `model`, not yet fitted or loaded; `config` is that of `prior_config`."""
    return PRIORS[name].make(config, model)
