"""Fetch a dataset: the audio of its source, unpacked, with a card of its origin and licences."""

import sys
from pathlib import Path, PurePosixPath
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.process import workers
from flowshot.sources.archives import Select, unpack_tar, unpack_zip
from flowshot.sources.catalog import LICENCES, PACKAGES, TITLES, Package
from flowshot.sources.clients import Download, download, kept_download, missing_program
from flowshot.sources.config import DatasetConfig
from flowshot.sources.decode import AUDIO_SUFFIXES
from flowshot.sources.grouping import KIT_FILE
from flowshot.sources.inputs import AUDIO_FOLDER, CARD_FILE, folder_changed, user_folder, write_index
from flowshot.sources.soundfonts import write_one_shots

LICENCE_FOLDER = "licences"
LICENCE_NAMES = frozenset({"copyright", "license", "licence", "provenance.md", "readme.md", "808.txt"})

__all__ = ["fetch", "folder_changed"]


def fetch(name: str, config: DatasetConfig, folder: Path, downloads: Path | None = None) -> None:
    """Write `folder` whole: `card.json`, and `audio/`, or `index.json` for a folder of the user's.

    Args:
        name: of the dataset in params.yaml.
        config: its source.
        folder: `data/raw/<name>`.
        downloads: where archives are kept under their hash; `downloads` beside the folder of raw data by default.

    Raises:
        FlowshotError: the source cannot be had; what was at `folder` stays as it was.
    """
    card: dict[str, Any] = {"name": name, "source": config.source, "origin": TITLES[config.source]}
    with writing(folder), whole_folder(folder) as fresh:
        if config.source == "folder":
            source = user_folder(name, config)
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
    had, missing = _available(name, packages, downloads)
    rows = []
    for package in had:
        found = download(package, downloads)
        if found.version != package.version:
            _say(f"{package.name}: this system has version {found.version}, results were made with {package.version}")
        rows.append(
            {
                "name": package.name,
                "client": package.client,
                "version": found.version,
                "sha256": found.sha256,
                "licence": package.licence,
                "origin": package.origin,
                "files": _unpack(found, folder),
            }
        )
    return {
        "licence": "; ".join(f"{row['name']}: {row['licence']}" for row in rows),
        "packages": rows,
        "incomplete": missing,
    }


def _available(name: str, packages: tuple[Package, ...], downloads: Path) -> tuple[list[Package], list[str]]:
    """Packages whose client this machine has, or npm's that are downloaded already, and a line for each other one.

    A machine without Debian's tools can still make a smaller dataset of npm's packages; that is said on standard
    error and stays in the card, because its results compare with no others. A client that fails is no such case.
    """
    had, missing = [], []
    for package in packages:
        program = missing_program(package.client)
        # What apt downloaded needs its programs to be unpacked too.
        if program is None or (package.client == "npm" and kept_download(package, downloads) is not None):
            had.append(package)
        else:
            missing.append(f"without {package.name}, because the program `{program}` is not on this machine")
    if not had:
        raise FlowshotError(
            f"{name}: cannot be fetched {missing[0].replace('without', 'for want of', 1)}; use a Debian machine"
        )
    for line in missing:
        _say(f"{name} is INCOMPLETE: {line}; its results compare only with themselves")
    return had, missing


def _unpack(found: Download, folder: Path) -> int:
    """Write a package's audio, drum kits and licences; returns how many audio files there are."""
    package = found.package
    audio = folder / AUDIO_FOLDER / package.collection
    select = _selection(package)
    with TemporaryDirectory(prefix=".unpacked.", dir=folder) as temporary:
        unpacked = Path(temporary)
        if package.client == "npm":
            with found.path.open("rb") as file:
                paths = unpack_tar(file, package.name, unpacked, select)
        else:
            paths = _unpack_deb(found, unpacked, select)
        for path in [path for path in paths if package.nested and path.match(package.nested)]:
            paths += unpack_zip(path, unpacked / AUDIO_FOLDER, _wanted, archive=f"{package.name}: {path.name}")
            path.unlink()
        for path in [path for path in paths if package.soundfont and path.match(package.soundfont)]:
            paths += write_one_shots(path, unpacked / AUDIO_FOLDER / path.stem)
            path.unlink()
        if (unpacked / AUDIO_FOLDER).is_dir():
            audio.parent.mkdir(exist_ok=True)
            (unpacked / AUDIO_FOLDER).rename(audio)
        if (unpacked / LICENCE_FOLDER).is_dir():
            (folder / LICENCE_FOLDER).mkdir(exist_ok=True)
            (unpacked / LICENCE_FOLDER).rename(folder / LICENCE_FOLDER / package.collection)
    count = sum(path.suffix.casefold() in AUDIO_SUFFIXES for path in paths)
    if count == 0:
        raise FlowshotError(
            f"{package.name} {found.version}: holds no audio below {package.root}; "
            f"make version {package.version} known to {package.client}, then fetch again"
        )
    return count


def _unpack_deb(found: Download, folder: Path, select: Select) -> list[Path]:
    command = ["dpkg-deb", "--fsys-tarfile", str(found.path)]
    with Popen(command, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        try:
            paths = unpack_tar(process.stdout, found.package.name, folder, select)
            process.stdout.read()  # what follows the archive's end, so that dpkg-deb can finish
        finally:
            if process.poll() is None:
                process.stdout.close()
        status = process.wait()
    if status != 0:
        raise FlowshotError(f"{found.path}: no readable Debian package; delete it and fetch again")
    return paths


def _selection(package: Package) -> Select:
    root = PurePosixPath(package.root)

    def select(path: PurePosixPath) -> PurePosixPath | None:
        path = PurePosixPath(*(part for part in path.parts if part != "."))
        if path.name.casefold() in LICENCE_NAMES:
            return PurePosixPath(LICENCE_FOLDER, path.name)
        if not path.is_relative_to(root):
            return None
        if inside := package.nested or package.soundfont:
            return PurePosixPath("inside", path.name) if path.match(inside) else None
        inner = _wanted(path.relative_to(root))
        return None if inner is None else PurePosixPath(AUDIO_FOLDER) / inner

    return select


def _wanted(path: PurePosixPath) -> PurePosixPath | None:
    return path if path.suffix.casefold() in AUDIO_SUFFIXES or path.name.casefold() == KIT_FILE else None


def _say(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)
