"""Which files a dataset is made of: those that were fetched, or the index of a folder of the user's."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.sources.config import DatasetConfig

AUDIO_FOLDER, INDEX_FILE, CARD_FILE = "audio", "index.json", "card.json"


@dataclass(frozen=True)
class InputFile:
    """One file of a dataset, and how it looked when it was listed."""

    source: str  # path within the dataset, with forward slashes
    path: Path
    bytes: int  # -1 where there is a problem
    modified_ns: int
    problem: str = ""  # the audit's word for why it must not even be opened

    def changed(self) -> bool:
        """Whether the file vanished or was changed since it was listed."""
        return _look(self.path) != (self.bytes, self.modified_ns, self.problem)


def list_files(folder: Path) -> list[InputFile]:
    """Every file below `folder`, by name; links are followed, except to folders.

    Listed too, with their `problem`, so that the audit can tell of them: dangling links and loops of links, pipes,
    sockets and devices, links to folders, and folders that are called as if they were audio.

    Raises:
        FlowshotError: the folder does not exist, is no folder, or cannot be read.
    """
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "does not exist"
        raise FlowshotError(f"{folder}: {problem}; name a folder that holds audio")
    return sorted(_walk(folder), key=lambda file: os.fsencode(file.source))


def user_folder(name: str, config: DatasetConfig) -> Path:
    """The folder that a dataset of source `folder` names."""
    if config.path is None:
        raise FlowshotError(f"datasets.{name}: `path` is missing; add the folder that holds your audio")
    return Path(os.path.abspath(Path(config.path).expanduser()))  # noqa: PTH100 (resolve() would replace links)


def write_index(folder: Path, raw_folder: Path) -> int:
    """Write what is in the user's `folder` to the raw folder, without copying it; returns the number of files."""
    files = list_files(folder)
    rows = [
        {"path": file.source, "bytes": file.bytes, "modified_ns": file.modified_ns, "problem": file.problem}
        for file in files
    ]
    write_json(raw_folder / INDEX_FILE, {"folder": str(folder), "files": rows})
    return len(files)


def read_index(raw_folder: Path) -> list[InputFile]:
    """The files of an index, not looked at again.

    Raises:
        FlowshotError: there is no index, or it is damaged.
    """
    try:
        index = json.loads((raw_folder / INDEX_FILE).read_text(encoding="utf-8"))
        folder = Path(index["folder"])
        return [
            InputFile(row["path"], folder / row["path"], row["bytes"], row["modified_ns"], row["problem"])
            for row in index["files"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowshotError(f"{raw_folder}: no index of a folder ({error}); {fetch_again(raw_folder.name)}") from None


def folder_changed(name: str, config: DatasetConfig, raw_folder: Path) -> bool:
    """Whether the user's folder differs from its index, so that it has to be fetched again. False for other sources."""
    if config.source != "folder":
        return False
    try:
        indexed = set(read_index(raw_folder))
        now = set(list_files(user_folder(name, config)))
    except FlowshotError:
        return True
    return indexed != now


def input_files(name: str, config: DatasetConfig, raw_folder: Path) -> tuple[dict[str, Any], list[InputFile]]:
    """The card of a fetched dataset, and its files.

    Raises:
        FlowshotError: it was not fetched or for another source, or a file of the user's folder changed since.
    """
    try:
        card = json.loads((raw_folder / CARD_FILE).read_text(encoding="utf-8"))
        source = card["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowshotError(f"{raw_folder}: no fetched dataset ({error}); {fetch_again(name)}") from None
    if source != config.source:
        raise FlowshotError(
            f"{raw_folder}: holds {source!r}, but params.yaml asks for {config.source!r}; {fetch_again(name)}"
        )
    if config.source != "folder":
        return card, list_files(raw_folder / AUDIO_FOLDER)
    files = read_index(raw_folder)
    folder = user_folder(name, config)
    if files and not files[0].path.is_relative_to(folder):
        raise FlowshotError(f"{raw_folder}: is the index of another folder than {folder}; {fetch_again(name)}")
    if not folder.is_dir():
        raise FlowshotError(f"{folder}: vanished after it was indexed; bring it back, or {fetch_again(name)}")
    for file in files:
        if file.changed():
            raise FlowshotError(f"{file.path}: vanished or changed after its folder was indexed; {fetch_again(name)}")
    return card, files


def fetch_again(name: str) -> str:
    """What to do where the raw folder is not what it should be."""
    return f"run `dvc repro --force fetch@{name}`"


def _walk(folder: Path) -> Iterator[InputFile]:
    def fail(error: OSError) -> None:
        raise FlowshotError(
            f"{error.filename}: cannot be read ({error.strerror}); change its permissions, or move it away"
        )

    for parent, folders, names in os.walk(folder, onerror=fail):
        told = [name for name in folders if _called_audio(name) or Path(parent, name).is_symlink()]
        for name in names + told:
            path = Path(parent, name)
            yield InputFile(path.relative_to(folder).as_posix(), path, *_look(path))


def _look(path: Path) -> tuple[int, int, str]:
    """Size, time of the last change, and problem of a file as it is now."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1, "unreadable"  # among others a dangling link, or a loop of links
    if stat.S_ISDIR(found.st_mode):
        return -1, -1, "linked_folder" if path.is_symlink() else "not_audio"
    if not stat.S_ISREG(found.st_mode):
        return -1, -1, "unreadable"
    return found.st_size, found.st_mtime_ns, ""


def _called_audio(folder: str) -> bool:
    suffix = Path(folder).suffix
    if not suffix:
        return False
    # Imported here: decoders take long to import, `flowshot check` lists files too, and such folders are rare.
    from flowshot.sources.decode import AUDIO_SUFFIXES

    return suffix.casefold() in AUDIO_SUFFIXES
