"""The kinds of autoencoders. A new one is a folder (see models/base/kind.py), a line here, and an entry."""

from pathlib import Path

from flowshot.core.params import Params
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelCard, ModelEntry, load_model, read_entry

KINDS = {
    "vae": "flowshot.models.autoencoders.vae",
    "rave": "flowshot.models.autoencoders.rave",
    "exported_rave": "flowshot.models.autoencoders.exported_rave",
}


def read_autoencoder(params: Params, name: str) -> ModelEntry:
    """The autoencoder `name` of params.yaml; raises FlowshotError if there is none, or its entry is wrong."""
    return read_entry(params, "autoencoders", name, KINDS, "vae")


def load_autoencoder(folder: Path) -> tuple[Autoencoder, ModelCard]:
    """The trained autoencoder in `folder`, in evaluation mode on the CPU, with its card. Raises FlowshotError."""
    model, card = load_model(folder, KINDS)
    assert isinstance(model, Autoencoder)
    return model, card
