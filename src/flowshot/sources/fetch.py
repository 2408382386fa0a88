"""Fetch a dataset: the audio of its source, unpacked, with a card of its origin and licences."""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from pathlib import Path, PurePosixPath
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json, scratch_folder, whole_folder, write_json, writing
from flowshot.core.process import warn, workers
from flowshot.sources.archives import Select, unpack_tar, unpack_zip
from flowshot.sources.catalog import LICENCES, SOURCES, TITLES, Pack
from flowshot.sources.clients import Download, UnavailableError, download
from flowshot.sources.config import SourceConfig
from flowshot.sources.containers import (
    catalogue_sounds,
    group_sounds,
    patch_sounds,
    wad_sounds,
    write_sounds,
)
from flowshot.sources.dssi import render_presets
from flowshot.sources.grouping import KIT_FILE
from flowshot.sources.inputs import AUDIO_FOLDER, CARD_FILE, called_audio, user_folder, write_index
from flowshot.sources.soundfont import write_one_shots

LICENCE_FOLDER, INSIDE_FOLDER, PACK_FILE = "licences", "inside", "pack.json"
LICENCE_NAMES = frozenset({"copyright", "license", "licence", "provenance.md", "readme.md", "808.txt"})
READERS = {"patch": patch_sounds, "wad": wad_sounds, "group": group_sounds, "cat": catalogue_sounds}
REMEDY = "install what is missing, or fetch on a Debian machine"
PLUGIN_MACHINES = ("x86_64", "AMD64")  # what the plugins of the catalog are compiled for


def fetch(name: str, config: SourceConfig, folder: Path, downloads: Path | None = None) -> None:
    """Write `folder` (`data/raw/<name>`) whole: `card.json`, and `audio/`, or `index.json` for a folder of the user's.

    Archives are kept under their hash in `downloads`, by default beside the folder of raw data. A fetch that was
    interrupted continues with the pack where it stopped; one that finds all packs in `folder` does nothing.

    Raises FlowshotError if the source cannot be fetched; what was at `folder` stays as it was.
    """
    card: dict[str, Any] = {"name": name, "source": config.source, "origin": TITLES[config.source]}
    if config.source in SOURCES:
        packs = [pack for pack in SOURCES[config.source] if config.packs is None or pack.name in config.packs]
        with writing(folder):
            _fetch_packs(card, packs, folder, downloads or folder.parent.parent / "downloads")
        return
    with writing(folder), whole_folder(folder) as fresh:
        if config.source == "folder":
            source = user_folder(config)
            card |= {"licence": LICENCES["folder"], "files": write_index(source, fresh)}
            if card["files"] == 0:
                raise FlowshotError(f"{source}: holds no files; put audio there, or name another folder")
        else:
            # Imported here: no other source needs the signal processing of scipy, which takes a while to load.
            from flowshot.sources.synthesis.synthesizer import write_clips

            write_clips(fresh / AUDIO_FOLDER, workers=workers())
            card |= {"licence": LICENCES["synth"]}
        write_json(fresh / CARD_FILE, card)


def _fetch_packs(card: dict[str, Any], packs: list[Pack], folder: Path, downloads: Path) -> None:
    name = card["name"]
    earlier = list(_fetched(folder).values())
    if len(earlier) == len(packs) and all(row == row | _row(pack) for row, pack in zip(earlier, packs, strict=True)):
        print(f"{name}: all {len(packs)} packs are already there; nothing to fetch", file=sys.stderr)
        return
    rows: list[dict[str, Any]] = []
    unavailable: dict[str, list[str]] = {}  # packs that cannot be had here, by the reason
    # In a folder of its own, because `scratch_folder` deletes what lies beside.
    with scratch_folder(folder.with_name(f".{name}.packs") / "packs") as scratch:
        _reuse(folder, scratch, packs)
        for number, pack in enumerate(packs, 1):
            place = scratch / _digest(pack)
            if not (place / PACK_FILE).is_file():
                print(f"{name}: pack {number} of {len(packs)}, {pack.name}", file=sys.stderr)
                try:
                    _fetch_pack(pack, downloads, place)
                except UnavailableError as error:
                    unavailable.setdefault(str(error).partition(": ")[2].partition(";")[0], []).append(pack.name)
                    continue
            rows.append(read_json(place / PACK_FILE) | _row(pack))
        missing = [f"without {', '.join(names)}, because {reason}" for reason, names in unavailable.items()]
        if not rows:
            raise FlowshotError(f"{name}: cannot be fetched {missing[0]}; {REMEDY}")
        if missing:
            lines = "; ".join(missing)
            files = sum(row["files"] for row in rows)
            warn(f"{name} is INCOMPLETE: {lines}. Available: {', '.join(row['pack'] for row in rows)}, {files} files")
            warn(f"{name}: its results compare only with themselves; to get all of it, {REMEDY}")
        _put_together(card | {"incomplete": missing}, rows, scratch, folder)
    scratch.parent.rmdir()


def _put_together(card: dict[str, Any], rows: list[dict[str, Any]], scratch: Path, folder: Path) -> None:
    """Write `folder` from the packs in `scratch`. They are linked, not moved: what stops here can be resumed."""
    with whole_folder(folder) as fresh:
        for row in rows:
            for kind in (AUDIO_FOLDER, LICENCE_FOLDER):
                _link_folder(scratch / row["digest"] / kind, fresh / kind / row["pack"])
        licence = "; ".join(f"{row['pack']}: {row['licence']}" for row in rows)
        write_json(fresh / CARD_FILE, card | {"licence": licence, "packs": rows})


def _fetched(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of the packs that a card says were fetched, by their digest."""
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        return {row["digest"]: row for row in card["packs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _reuse(folder: Path, scratch: Path, packs: list[Pack]) -> None:
    """Take over packs that an earlier fetch left in `folder`."""
    fetched = _fetched(folder)
    for pack in packs:
        place, row = scratch / _digest(pack), fetched.get(_digest(pack))
        if row is None or place.exists():
            continue
        for kind in (AUDIO_FOLDER, LICENCE_FOLDER):
            _link_folder(folder / kind / pack.name, place / kind)
        write_json(place / PACK_FILE, row)


def _link_folder(source: Path, target: Path) -> None:
    """Write `target` with links to the files of the folder `source`, if there is one."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # from one disk to another
        shutil.copy2(source, target)


def _digest(pack: Pack) -> str:
    return hashlib.sha256(json.dumps([pack.name, pack.contents]).encode()).hexdigest()[:16]


def _row(pack: Pack) -> dict[str, str]:
    """What the card says of a pack, besides its packages and the number of its files."""
    row = {"pack": pack.name, "kind": pack.kind, "licence": pack.licence, "origin": pack.origin}
    return row | {"digest": _digest(pack)}


def _fetch_pack(pack: Pack, downloads: Path, place: Path) -> None:
    """Download and unpack a pack to `place`, and write its row of the card there last."""
    if pack.unpack == "dssi" and platform.machine() not in PLUGIN_MACHINES:
        raise UnavailableError(f"{pack.name}: its plugin runs on x86-64 only; fetch on another machine")
    found = [download(package, downloads) for package in pack.packages]
    for one in found:
        if one.version != one.package.version:
            wanted = one.package.version
            warn(f"{one.package.name}: this system has version {one.version}; earlier results used {wanted}")
    files = _unpack(pack, found, place)
    packages = [vars(one.package) | {"version": one.version, "sha256": one.sha256} for one in found]
    write_json(place / PACK_FILE, _row(pack) | {"packages": packages, "files": files})


def _unpack(pack: Pack, found: list[Download], place: Path) -> int:
    """Write a pack's audio, drum kits and licences to `place`; returns how many audio files there are."""
    place.mkdir(parents=True, exist_ok=True)
    audio = place / AUDIO_FOLDER
    with TemporaryDirectory(prefix=".unpacked.", dir=place.parent) as temporary:
        unpacked = Path(temporary)
        for one in found:
            _unpack_archive(one, unpacked, _selection(pack))
        containers = sorted((unpacked / INSIDE_FOLDER).glob("*"))
        for container in containers:
            _open(pack, container, audio)
        for kind in (AUDIO_FOLDER, LICENCE_FOLDER):
            if (unpacked / kind).is_dir():
                shutil.rmtree(place / kind, ignore_errors=True)
                shutil.move(unpacked / kind, place / kind)
    count = sum(called_audio(path) for path in audio.rglob("*"))
    if count == 0:
        name = found[0].package.name
        raise FlowshotError(
            f"{name} {found[0].version}: holds no audio below {pack.root}; "
            f"make version {found[0].package.version} known to {found[0].package.client}, then fetch again"
        )
    return count


def _open(pack: Pack, container: Path, audio: Path) -> None:
    """Write the sounds of a container below `audio`."""
    if pack.unpack == "zip":
        unpack_zip(container, audio, _wanted, archive=f"{pack.name}: {container.name}")
    elif pack.unpack == "soundfont":
        write_one_shots(container, audio / container.stem)
    elif pack.unpack in READERS:
        write_sounds(READERS[pack.unpack], container, audio / container.stem)
    elif container.suffix == ".so" and not container.name.startswith("lib"):
        render_presets(container, audio, pack.share, workers())


def _unpack_archive(found: Download, folder: Path, select: Select) -> None:
    if found.package.client == "npm":
        with found.path.open("rb") as file:
            unpack_tar(file, found.package.name, folder, select)
        return
    with Popen(["dpkg-deb", "--fsys-tarfile", str(found.path)], stdout=PIPE) as process:
        assert process.stdout is not None
        unpack_tar(process.stdout, found.package.name, folder, select)
        process.stdout.read()  # what follows the end of the archive, so that dpkg-deb can finish
    if process.returncode != 0:
        raise FlowshotError(f"{found.path}: no readable Debian package; delete it and fetch again")


def _selection(pack: Pack) -> Select:
    root = PurePosixPath(pack.root)

    def select(path: PurePosixPath) -> PurePosixPath | None:
        if path.name.casefold() in LICENCE_NAMES:
            return PurePosixPath(LICENCE_FOLDER, path.name)
        if not path.is_relative_to(root):
            return None
        if pack.inside:
            return PurePosixPath(INSIDE_FOLDER, path.name) if re.search(pack.inside, str(path)) else None
        inner = _wanted(path.relative_to(root))
        return None if inner is None else AUDIO_FOLDER / inner

    return select


def _wanted(path: PurePosixPath) -> PurePosixPath | None:
    return path if called_audio(path) or path.name.casefold() == KIT_FILE else None
