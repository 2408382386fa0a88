"""Which audio a dataset is made of."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.params import Params, check_section
from flowshot.core.sections import Section, require
from flowshot.sources.catalog import SOURCES

Source = Literal["synth", "samples", "samples_original", "fx", "tracks", "folder"]


@dataclass(frozen=True)
class SourceConfig(Section):
    """What fetching needs to know of a dataset: the packs of its source (null: all), or the user's folder at `path`."""

    source: Source
    packs: tuple[str, ...] | None
    path: str | None

    def __post_init__(self) -> None:
        require(
            (self.source == "folder") == (self.path is not None), "`path` belongs to source `folder`, and only to it"
        )
        known = [pack.name for pack in SOURCES.get(self.source, ())]
        unknown = sorted(set(self.packs or ()) - set(known))
        require(self.packs is None or bool(self.packs), "`packs` must name a pack, or be null for all")
        require(not unknown, f"`packs`: {self.source} has no {', '.join(unknown)}; it has {', '.join(known) or 'none'}")


def source_config(params: Params, name: str) -> SourceConfig:
    """The source of the dataset `name` in params.yaml, whatever else its entry says."""
    entry = params.entry("datasets", name)
    values = {key: entry[key] for key in ("source", "packs", "path") if key in entry}
    return check_section(SourceConfig, values, f"{params.path}: datasets.{name}")
