"""A kind of model is a folder with two modules: `model` defines `KIND`, and `training` defines `train(model, job)`.

Code that only loads models does not depend on their training. A trained model is weights without code, and the
configuration to build it again.
"""

import dataclasses
import importlib
import json
import math
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.core.params import Params, check_section, merge
from flowshot.core.plan import RESERVED
from flowshot.core.sections import Section
from flowshot.models.base.model import ClipModel

Weights = dict[str, Tensor]

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
MESSAGE_LENGTH = 200  # torch lists every weight that does not fit


@dataclass(frozen=True)
class ModelCard:
    """`config.json`, from which a model is built again; `files` maps files beside the weights to their SHA-256."""

    kind: str
    config: Any
    dataset: str
    sample_rate: int
    clip_samples: int
    files: dict[str, str]


@dataclass(frozen=True)
class ModelKind:
    """What a registry knows of one kind of model.

    `build` makes the untrained model of a card; its folder holds the card's files, or is None before training. `check`
    raises FlowshotError if a configuration cannot be trained on such clips; it runs before every reproduction.
    """

    config: type[Section]  # of its entry in params.yaml, without `kind` and `train`
    build: Callable[[ModelCard, Path | None], ClipModel]
    shared: str = ""  # the section of params.yaml that an entry differs from; empty: an entry is complete
    check: Callable[[str, Any, int, int], None] = lambda name, config, clip_samples, sample_rate: None
    files: Callable[[Any], dict[str, Path]] = lambda config: {}  # to copy beside the weights, by their names there
    frames: bool = False  # whether the latent of a clip is a sequence, not one vector


@dataclass(frozen=True)
class ModelEntry:
    """A checked entry of params.yaml; `package` holds the modules of its kind, `training` its changes of `train`.

    It trains for `steps_share` of the budget's steps.
    """

    name: str
    kind_name: str
    package: str
    kind: ModelKind
    config: Any
    training: dict[str, Any]
    steps_share: float


def kind_named(kinds: Mapping[str, str], name: str, where: str) -> ModelKind:
    """The kind `name` of a registry, which maps names to packages.

    Raises FlowshotError if there is none; `where` says where the name was found.
    """
    if name not in list(kinds):  # a list, because what a file holds may be unhashable
        raise FlowshotError(f"{where}: found {name!r}; use one of: {', '.join(kinds)}")
    kind: ModelKind = importlib.import_module(f"{kinds[name]}.model").KIND
    return kind


def read_entry(params: Params, section: str, name: str, kinds: Mapping[str, str], usual_kind: str) -> ModelEntry:
    """The entry `name` of `section`; raises FlowshotError if there is none, or a value is wrong."""
    where = f"{params.path}: {section}.{name}"
    if name in RESERVED:
        raise FlowshotError(f"{where}: this name is reserved in the tables; choose another")
    entry = params.entry(section, name)
    kind_name = entry.pop("kind", usual_kind)
    kind = kind_named(kinds, kind_name, f"{where}.kind")
    difference = entry.pop("train", None) or {}
    if not isinstance(difference, Mapping):
        raise FlowshotError(f"{where}.train must be a mapping of differences, found {difference!r}")
    share = entry.pop("steps_share", 1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < math.inf:
        raise FlowshotError(f"{where}.steps_share must be a number above 0, found {share!r}")
    shared = params.values.get(kind.shared) or {} if kind.shared else {}
    config = check_section(kind.config, merge(shared, entry), where)
    return ModelEntry(name, kind_name, kinds[kind_name], kind, config, dict(difference), float(share))


def save_model(folder: Path, kind: ModelKind, card: ModelCard, weights: Weights) -> None:
    """Write `config.json`, `weights.safetensors`, and the kind's own files."""
    # Imported here: models must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

    sources = kind.files(card.config)
    for name, source in sources.items():
        shutil.copyfile(source, folder / name)
    card = dataclasses.replace(card, files={name: sha256_of_file(folder / name) for name in sources})
    text = json.dumps(dataclasses.asdict(card), indent=2)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    contiguous = {key: value.contiguous() for key, value in weights.items()}
    save_file(contiguous, folder / WEIGHTS)


def load_model(folder: Path, kinds: Mapping[str, str]) -> tuple[ClipModel, ModelCard]:
    """The model in `folder`, in evaluation mode on the CPU, with its card; `kinds` is a registry.

    Raises:
        FlowshotError: the folder holds no model, or its weights are damaged or of another configuration.
    """
    with reading(folder, "train it again with `dvc repro`"):
        card, weights = read_model(folder)
        kind = kind_named(kinds, card.kind, f"{folder / CONFIG}: kind")
        card = dataclasses.replace(card, config=kind.config(**card.config))
        for name, digest in card.files.items():
            if sha256_of_file(folder / name) != digest:
                raise ValueError(f"{name} is not the file that {CONFIG} names")
        model = kind.build(card, folder)
        model.load_state_dict(weights)
    return model.eval(), card


@contextmanager
def reading(folder: Path, remedy: str) -> Iterator[None]:
    """Raise FlowshotError, one line with `remedy`, if the block finds the model in `folder` missing or damaged."""
    # Imported here: see save_model.
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        what = textwrap.shorten(str(error), MESSAGE_LENGTH, placeholder=" ...")
        raise FlowshotError(f"{folder}: no usable model ({what}); {remedy}") from None


def read_model(folder: Path) -> tuple[ModelCard, Weights]:
    """The card in `folder`, its `config` still as plain values, and the weights; call it within `reading`."""
    # Imported here: see save_model.
    from safetensors.torch import load_file

    raw = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    # JSON has only lists, a configuration only tuples.
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw["config"].items()}
    rate, samples = int(raw["sample_rate"]), int(raw["clip_samples"])
    card = ModelCard(raw["kind"], values, str(raw["dataset"]), rate, samples, raw["files"])
    return card, load_file(folder / WEIGHTS)
