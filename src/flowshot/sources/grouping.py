"""Which files must share a split: takes and velocity layers of one instrument, and whatever the user names."""

import os
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree

from flowshot.sources.catalog import PACKAGES, Package
from flowshot.sources.config import DatasetConfig
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


class Groups:
    """Disjoint sets of things that must stay together (union-find).

    Args:
        fixed: things that have their split already; sets of different splits are never joined.
    """

    def __init__(self, fixed: Mapping[Hashable, str] | None = None) -> None:
        self._parent: dict[Hashable, Hashable] = {}
        self._places: dict[Hashable, str] = dict(fixed or {})  # by the item that stands for the set

    def find(self, item: Hashable) -> Hashable:
        """The item that stands for the set of `item`."""
        root = item
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while item != root:  # so that the next search is short
            self._parent[item], item = root, self._parent.get(item, item)
        return root

    def place(self, item: Hashable) -> str | None:
        """The split of the set of `item`, if that is fixed."""
        return self._places.get(self.find(item))

    def join(self, items: Iterable[Hashable]) -> bool:
        """Put all `items`, and whatever is with them, into one set, as far as no two of them have different places.

        Returns:
            Whether they are all in one set now.
        """
        first, *others = items
        whole = True
        for other in others:
            root, joined = self.find(first), self.find(other)
            places = {self._places[item] for item in (root, joined) if item in self._places}
            if len(places) == 2:
                whole = False
            elif root != joined:
                self._parent[joined] = root
                self._places.update((root, place) for place in places)
        return whole


def memberships(config: DatasetConfig, files: Sequence[InputFile]) -> list[Membership]:
    """Groups, labels and exclusions of files, from their names and the drum kits that list them."""
    kits = _kits(files)
    packages = {package.collection: package for package in PACKAGES.get(config.source, ())}
    return [_membership(config, file.source, packages, kits) for file in files]


def stem(name: str, takes: bool) -> str:
    """A file's name without suffix, velocity and, with `takes`, its last number: `Snare-Hard 2.wav` -> `snare`.

    Where nothing would be left the whole name stands, so that `01.wav` and `02.wav` are two things.
    """
    whole = PurePosixPath(name).stem.casefold()
    short = _without_velocity(whole)
    if takes:
        short = _without_velocity(LAST_NUMBER.sub("", short))
    return short or whole


def kit_instruments(xml: str) -> dict[str, list[str]]:
    """Instruments of a Hydrogen `drumkit.xml` and their files, one list for all velocity layers.

    The elements' names, not their nesting, are looked at: it changed between versions of the format.

    Raises:
        ElementTree.ParseError: the text is no XML.
    """
    instruments: dict[str, list[str]] = {}
    for number, element in enumerate(ElementTree.fromstring(xml).iter()):
        if _local_name(element) != "instrument":
            continue
        texts = [(_local_name(child), (child.text or "").strip()) for child in element.iter()]
        name = next((text for tag, text in texts if tag == "name" and text), "instrument")
        files = [text for tag, text in texts if tag == "filename" and text]
        # Two instruments of one name are two instruments: the number keeps them apart.
        instruments[f"{name}\0{number}"] = files
    return instruments


def _without_velocity(text: str) -> str:
    while shorter := VELOCITY.sub("", text):
        if shorter == text:
            return text
        text = shorter
    return text


def _membership(
    config: DatasetConfig, source: str, packages: dict[str, Package], kits: dict[str, list[str]]
) -> Membership:
    path = PurePosixPath(source)
    package = packages.get(path.parts[0])
    inner = path.relative_to(package.collection) if package else path
    excluded = bool(config.exclude and re.search(config.exclude, source))
    if package and package.exclude:
        excluded = excluded or bool(re.search(package.exclude, str(inner), re.IGNORECASE))
    return Membership(
        keys=(("file", source), *_keys(config, path, package, kits)),
        label=_label(path, inner, package, kits.get(source, [])),
        collection=path.parts[0] if len(path.parts) > 1 else "",
        excluded=excluded,
    )


def _keys(
    config: DatasetConfig, path: PurePosixPath, package: Package | None, kits: dict[str, list[str]]
) -> list[Hashable]:
    keys: list[Hashable] = [("kit", str(path.parent), instrument) for instrument in kits.get(str(path), [])]
    if config.group and (found := re.search(config.group, str(path))):
        keys.append(("pattern", found.group(), found.groups()))
    # Clips of the synthesizer are made independently of each other, and their numbers mean nothing. In a folder of
    # the user's a last number may count anything, so that only velocities are believed there.
    if package is not None and package.takes == "family":
        keys.append(("family", str(path.parent.parent)))
    elif package is not None and package.takes != "none":
        where = path.parent if package.takes == "folder" else PurePosixPath(package.collection)
        keys.append(("stem", str(where), stem(path.name, takes=True)))
    elif config.source == "folder":
        keys.append(("stem", str(path.parent), stem(path.name, takes=False)))
    return keys


def _label(path: PurePosixPath, inner: PurePosixPath, package: Package | None, instruments: list[str]) -> str:
    if instruments:
        return instruments[0].partition("\0")[0].casefold()
    if package is not None and package.label == "prefix":
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
                source = os.path.normpath(path.parent / name)
                used.setdefault(PurePosixPath(source).as_posix(), []).append(instrument)
    return used


def _local_name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]
