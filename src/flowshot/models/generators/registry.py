"""The kinds of generators without an encoder. A new one is a folder, a line here, and an entry."""

from pathlib import Path

from flowshot.core.params import Params
from flowshot.models.base.kind import ModelCard, ModelEntry, load_model, read_entry
from flowshot.models.base.model import ClipModel

KINDS = {
    "crash": "flowshot.models.generators.crash",
    "copies": "flowshot.models.generators.copies",
    "drumgan": "flowshot.models.generators.drumgan",
}


def read_generator(params: Params, name: str) -> ModelEntry:
    """The generator `name` of params.yaml; raises FlowshotError if there is none, or its entry is wrong."""
    return read_entry(params, "generators", name, KINDS, "copies")


def load_generator(folder: Path) -> tuple[ClipModel, ModelCard]:
    """The trained generator in `folder`, in evaluation mode on the CPU, with its card. Raises FlowshotError."""
    return load_model(folder, KINDS)
