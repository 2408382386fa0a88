"""Which audio a dataset is made of."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.params import Params, check_section
from flowshot.core.sections import Section, require

Source = Literal["synth", "samples", "samples_original", "fx", "tracks", "folder"]


@dataclass(frozen=True)
class SourceConfig(Section):
    """What fetching needs to know of a dataset; `path` is the folder of a dataset of source `folder`."""

    source: Source
    path: str | None

    def __post_init__(self) -> None:
        require(
            (self.source == "folder") == (self.path is not None), "`path` belongs to source `folder`, and only to it"
        )


def source_config(params: Params, name: str) -> SourceConfig:
    """The source of the dataset `name` in params.yaml, whatever else its entry says."""
    entry = params.entry("datasets", name)
    values = {key: entry[key] for key in ("source", "path") if key in entry}
    return check_section(SourceConfig, values, f"{params.path}: datasets.{name}")
