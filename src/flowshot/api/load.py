"""Load a trained arm: of a project by its name, of a folder, or of a file that `flowshot export` wrote."""

from pathlib import Path

from flowshot.api.arm import Arm, ExportedArm
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json
from flowshot.core.params import PARAMS, Params, read_params
from flowshot.core.plan import DIRECT, arm_names
from flowshot.generation.config import SampleConfig
from flowshot.models.autoencoders.registry import KINDS as AUTOENCODERS
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelCard, load_model
from flowshot.models.base.model import ClipModel
from flowshot.models.generators.registry import KINDS as GENERATORS
from flowshot.priors.own import OwnPrior
from flowshot.priors.registry import load_prior, make_prior, prior_config

ABOUT = "arm.json"  # beside a published model: its names, seed, and the parameters of its prior
BATCH_SIZE = 64  # clips drawn at once where there is no project to say it


def load(source: Path | str, seed: int | None = None, project: Path | str = ".") -> Arm | ExportedArm:
    """A trained arm: `DATASET/AUTOENCODER/PRIOR` of a project, the folder of a model, or a file of `flowshot export`.

    Args:
        source: which one. The folder of a model gives it with the prior that it was trained with.
        seed: of the training; the plan's first seed that has one.
        project: the folder that holds `params.yaml`, `models/` and `priors/`.

    Raises:
        FlowshotError: it is missing or damaged, or its prior was fitted under other parameters.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return ExportedArm(path)
    if (path / "config.json").is_file():
        return _published_arm(path) if (path / ABOUT).is_file() else _trained_arm(path.resolve())
    return project_arm(arm_names(str(source)), seed, Path(project).expanduser())


def project_arm(names: tuple[str, str, str], seed: int | None = None, project: Path = Path()) -> Arm:
    """The arm `names` of a project; raises FlowshotError as `load` does."""
    params, trained = read_params(project / PARAMS), project.joinpath("models", *names[:2])
    if seed is None:
        seed = next((s for s in params.plan.seeds if (trained / str(s) / "config.json").is_file()), None)
    if seed is None:
        seeds = ", ".join(map(str, params.plan.seeds))
        remedy = "run `dvc repro`, or name one with --model-seed"
        raise FlowshotError(f"{trained}: no trained model for the plan's seeds ({seeds}); {remedy}")
    model, card = _model(trained / str(seed))
    named, prior = "/".join(names[:2]), None
    if isinstance(model, Autoencoder):
        if names[2] == DIRECT:
            raise FlowshotError(f"{named}: is an autoencoder; add a prior, as in {named}/own")
        prior = load_prior(project.joinpath("priors", *names, str(seed)), names[2], params, model)
    elif names[2] != DIRECT:
        raise FlowshotError(f"{'/'.join(names)}: names a generator, which has no prior; use {named}")
    return Arm(names, seed, model, prior, card, project, params.section("sample", SampleConfig).batch_size)


def _trained_arm(folder: Path) -> Arm:
    """The model that a stage wrote to `models/DATASET/MODEL/SEED`, with the prior that it was trained with."""
    model, card = _model(folder)
    seed = int(folder.name) if folder.name.isdecimal() else 0
    root = folder.parents[3] if len(folder.parents) > 3 else folder
    params = read_params(root / PARAMS) if (root / PARAMS).is_file() else None
    size = BATCH_SIZE if params is None else params.section("sample", SampleConfig).batch_size
    own, name = (OwnPrior(model.prior), "own") if isinstance(model, Autoencoder) else (None, DIRECT)
    return Arm((card.dataset, folder.parent.name, name), seed, model, own, card, root, size)


def _published_arm(folder: Path) -> Arm:
    """What `flowshot card` wrote: a model, its prior, and `arm.json`, which says how it is drawn."""
    model, card = _model(folder)
    params = Params(folder / ABOUT, about := read_json(folder / ABOUT))
    names, prior = params.section("names", tuple[str, str, str]), None
    if isinstance(model, Autoencoder):
        section = {"fit_prior": {names[2]: about.get("fit_prior")}}
        prior = make_prior(names[2], prior_config(Params(params.path, section), names[2]), model)
        prior.load(folder)
    size = int(about.get("batch_size", BATCH_SIZE))
    return Arm(names, params.section("seed", int), model, prior, card, Path(), size)


def _model(folder: Path) -> tuple[ClipModel, ModelCard]:
    return load_model(folder, AUTOENCODERS | GENERATORS)
