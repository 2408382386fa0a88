"""Which files must share a split: takes and velocity layers of one instrument, and what the user names."""

import os
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree

from scipy.cluster.hierarchy import DisjointSet

from flowshot.sources.catalog import SOURCES, Pack
from flowshot.sources.config import Source
from flowshot.sources.inputs import InputFile

KIT_FILE = "drumkit.xml"
MAXIMUM_KIT_BYTES = 4 << 20

# How hard a sound was played, at the end of a file's name: as a word, or as an abbreviation after a separator.
VELOCITY = re.compile(
    r"[\s_.()-]*(softest|softer|soft|quiet|light|medium|med|normal|louder|loud|hardest|harder|hard|ghost|accent"
    r"|velocity[\s_-]?\d*|(?<![a-z])vel[\s_-]?\d+|(?<=[\s_.-])(?:v|rr|layer|take)[\s_-]?\d+|(?<=[\s_.-])(?:ppp|pp|p|mp|mf|f|ff|fff))"
    r"[\s)]*$"
)
LAST_NUMBER = re.compile(r"[\s_.#-]*\d+$")


@dataclass(frozen=True)
class Membership:
    """What is known of a file before it is decoded."""

    keys: tuple[Hashable, ...]  # files that have a key in common share a split
    label: str
    collection: str  # the part of the dataset it belongs to; splits are balanced over these
    excluded: bool
    pack: str = ""
    kind: str = ""


class Groups(DisjointSet):
    """Disjoint sets of things that must stay together; `groups[item]` stands for the set of `item`."""

    def join(self, items: Iterable[Hashable]) -> None:
        """Make one set of the sets of all `items`."""
        first, *others = items
        for item in (first, *others):
            self.add(item)
            self.merge(first, item)


def memberships(source: Source, files: Sequence[InputFile], exclude: str = "", group: str = "") -> list[Membership]:
    """Groups, labels and exclusions of all files of a dataset, from their names and the drum kits that list them.

    Files in whose path the regular expression `exclude` is found are excluded; those in whose path `group` finds the
    same text share a split.
    """
    kits = _kits(files)
    packs = {pack.name: pack for pack in SOURCES.get(source, ())}
    members = []
    for file in files:
        name = _composed(file.source)
        path = PurePosixPath(name)
        pack = packs.get(path.parts[0])
        inner = path.relative_to(pack.name) if pack else path
        keys: list[Hashable] = [("file", file.source)]
        keys += [("kit", str(path.parent), instrument) for instrument in kits.get(name, [])]
        if group and (found := re.search(_composed(group), name)):
            keys.append(("pattern", found.group(), found.groups()))
        keys += _name_keys(source, path, pack)
        excluded = bool(exclude and re.search(_composed(exclude), name)) or bool(
            pack and pack.exclude and re.search(pack.exclude, str(inner), re.IGNORECASE)
        )
        label = _label(path, inner, pack, kits.get(name, []))
        collection = path.parts[0] if len(path.parts) > 1 else ""
        origin = (pack.name, pack.kind) if pack else ("", "")
        members.append(Membership(tuple(keys), label, collection, excluded, *origin))
    return members


def matches_nothing(files: Sequence[InputFile], **patterns: str) -> list[str]:
    """A line for each pattern, by its key, that is found in the path of no file."""
    return [
        f"{key}: {pattern!r} matches none of the {len(files)} paths; correct or remove the pattern"
        for key, pattern in patterns.items()
        if pattern and not any(re.search(_composed(pattern), _composed(file.source)) for file in files)
    ]


def stem(name: str, takes: bool) -> str:
    """A file's name without suffix, velocity and, with `takes`, its last number: `Snare-Hard 2.wav` -> `snare`.

    Where nothing would be left, the whole name is returned: `01.wav` and `02.wav` are two sounds.
    """
    whole = PurePosixPath(name).stem.casefold()
    short = _without_velocity(whole)
    if takes:
        short = _without_velocity(LAST_NUMBER.sub("", short))
    return short or whole


def kit_instruments(xml: str) -> dict[str, list[str]]:
    """Instruments of a Hydrogen `drumkit.xml` and their files, one list for all velocity layers.

    Raises ElementTree.ParseError where the text is no XML.
    """
    instruments: dict[str, list[str]] = {}
    for number, element in enumerate(ElementTree.fromstring(xml).findall(".//{*}instrument")):
        name = (element.findtext(".//{*}name") or "").strip() or "instrument"
        names = [(child.text or "").strip() for child in element.findall(".//{*}filename")]
        # Two instruments of one name are two instruments: the number keeps them apart.
        instruments[f"{name}\0{number}"] = [each for each in names if each]
    return instruments


def _composed(text: str) -> str:
    """The text with accents in one form: names copied from a Mac have them decomposed, keyboards type them composed."""
    return unicodedata.normalize("NFC", text)


def _without_velocity(text: str) -> str:
    while (shorter := VELOCITY.sub("", text)) != text:
        text = shorter
    return text


def _name_keys(source: Source, path: PurePosixPath, pack: Pack | None) -> list[Hashable]:
    # Clips of the synthesizer are independent of each other. In a user's folder a last number may count anything, so
    # only velocities are taken for layers there.
    if pack is None:
        return [("stem", str(path.parent), stem(path.name, takes=False))] if source == "folder" else []
    if pack.takes in ("family", "instrument"):
        return [(pack.takes, str(path.parent.parent if pack.takes == "family" else path.parent))]
    where = str(path.parent) if pack.takes == "folder" else pack.name
    return [] if pack.takes == "none" else [("stem", where, stem(path.name, takes=True))]


def _label(path: PurePosixPath, inner: PurePosixPath, pack: Pack | None, instruments: list[str]) -> str:
    if instruments:
        return instruments[0].partition("\0")[0].casefold()
    if pack is not None and pack.label == "prefix":
        return inner.stem.casefold().partition("_")[0]
    folders = [part for part in inner.parts[:-1] if part.casefold() not in ("sound", "sounds", "samples", "audio")]
    return folders[-1] if folders else (path.parts[0] if len(path.parts) > 1 else "")


def _kits(files: Sequence[InputFile]) -> dict[str, list[str]]:
    """The instruments that use each file, by the file's path within the dataset."""
    used: dict[str, list[str]] = {}
    for file in files:
        path = PurePosixPath(file.source)
        if path.name.casefold() != KIT_FILE or not 0 < file.bytes <= MAXIMUM_KIT_BYTES:
            continue
        try:
            instruments = kit_instruments(file.path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, ElementTree.ParseError):
            continue  # a damaged kit says nothing about groups; names still do
        for instrument, names in instruments.items():
            for name in names:
                used_file = _composed(os.path.normpath(path.parent / name))
                used.setdefault(PurePosixPath(used_file).as_posix(), []).append(instrument)
    return used
