"""Which files a dataset is made of: those that were fetched, or the index of a folder of the user's."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.sources.config import SourceConfig

AUDIO_FOLDER, INDEX_FILE, CARD_FILE = "audio", "index.json", "card.json"
# The first bytes of what macOS keeps beside a file on foreign disks, in a file with `._` in front of the name.
APPLE_DOUBLE = bytes.fromhex("00051607")
# What is taken for audio by its name.
AUDIO_SUFFIXES = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64",
    ".rf64", ".bwf", ".m4a", ".aac", ".wma", ".sph", ".nist", ".voc", ".sf", ".ircam", ".wv", ".tta",
)  # fmt: skip
FOLDER_PROBLEMS = ("linked_folder", "unreadable_folder")


def called_audio(name: str | PurePath) -> bool:
    """Whether a file is taken for audio, by its name."""
    # Spaces at the end of a name are seldom seen, and mean nothing.
    return PurePath(str(name).rstrip()).suffix.casefold() in AUDIO_SUFFIXES


@dataclass(frozen=True)
class InputFile:
    """One file of a dataset, as it was when it was listed."""

    source: str  # path within the dataset, with forward slashes
    path: Path
    bytes: int  # -1 where there is a problem
    modified_ns: int
    problem: str = ""  # the audit's word for why it must not even be opened

    @property
    def is_audio(self) -> bool:
        """Whether it is taken for audio, be it readable or not."""
        return called_audio(self.source) and self.problem not in ("not_audio", *FOLDER_PROBLEMS)

    def changed(self) -> bool:
        """Whether the file was removed or changed since it was listed."""
        return _look(self.path) != (self.bytes, self.modified_ns, self.problem)


def list_files(folder: Path) -> list[InputFile]:
    """Every file below `folder`, by name; links to files are followed, links to folders are not.

    Also listed, each with its `problem`, so that the audit can name them: dangling links and loops of links, pipes,
    sockets and devices, companions that macOS leaves, links to folders, folders that may not be read, and folders that
    have a name of audio.

    Raises FlowshotError if the folder itself does not exist, is no folder, or cannot be read.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise FlowshotError(f"{folder}: {problem}; name a folder that holds audio")
    return sorted(_walk(folder), key=lambda file: os.fsencode(file.source))


def user_folder(config: SourceConfig) -> Path:
    """The folder that a dataset of source `folder` is made of.

    A relative path starts at the project, which is DVC_ROOT where DVC runs an experiment in a temporary copy.
    """
    assert config.path is not None  # SourceConfig requires it of this source
    return Path(os.path.abspath(Path(os.environ.get("DVC_ROOT", "")) / Path(config.path).expanduser()))  # noqa: PTH100 (resolve() would replace links)


def write_index(folder: Path, raw_folder: Path) -> int:
    """Write what is in the user's `folder` to the raw folder, without copying it; returns the number of files."""
    rows = [asdict(file) | {"path": file.source} for file in list_files(folder)]
    write_json(raw_folder / INDEX_FILE, {"folder": str(folder), "files": rows})
    return len(rows)


def read_index(raw_folder: Path) -> list[InputFile]:
    """The files of an index, as they were then. Raises FlowshotError if it is missing or damaged."""
    try:
        index = json.loads((raw_folder / INDEX_FILE).read_text(encoding="utf-8"))
        folder = Path(index["folder"])
        return [InputFile(**row | {"path": folder / row["path"]}) for row in index["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowshotError(f"{raw_folder}: no index of a folder ({error}); {_fetch_again(raw_folder.name)}") from None


def folder_changed(config: SourceConfig, raw_folder: Path) -> bool:
    """Whether the user's folder differs from its index and must be fetched again. False for other sources."""
    if config.source != "folder":
        return False
    try:
        return set(read_index(raw_folder)) != set(list_files(user_folder(config)))
    except FlowshotError:
        return True


def input_files(name: str, config: SourceConfig, raw_folder: Path) -> tuple[dict[str, Any], list[InputFile]]:
    """The card of a fetched dataset, and its files.

    Raises FlowshotError if it was not fetched or for another source, or a file of the user's folder changed since.
    """
    again = _fetch_again(name)
    try:
        card = json.loads((raw_folder / CARD_FILE).read_text(encoding="utf-8"))
        source = card["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowshotError(f"{raw_folder}: no fetched dataset ({error}); {again}") from None
    if source != config.source:
        raise FlowshotError(f"{raw_folder}: holds {source!r}, but params.yaml asks for {config.source!r}; {again}")
    if config.source != "folder":
        return card, list_files(raw_folder / AUDIO_FOLDER)
    files = read_index(raw_folder)
    folder = user_folder(config)
    if files and not files[0].path.is_relative_to(folder):
        raise FlowshotError(f"{raw_folder}: is the index of a folder other than {folder}; {again}")
    if not folder.is_dir():
        raise FlowshotError(f"{folder}: was removed after it was indexed; restore it, or {again}")
    for file in files:
        if file.changed():
            raise FlowshotError(f"{file.path}: was removed or changed after its folder was indexed; {again}")
    return card, files


def _fetch_again(name: str) -> str:
    return f"run `dvc repro --force fetch@{name}`"


def _walk(folder: Path) -> Iterator[InputFile]:
    locked: list[str] = []

    def note(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise FlowshotError(f"{folder}: cannot be read ({error.strerror}); change its permissions")
        locked.append(error.filename)

    for parent, folders, names in os.walk(folder, onerror=note):
        told = [name for name in folders if called_audio(name) or Path(parent, name).is_symlink()]
        for path in (Path(parent, name) for name in names + told):
            yield InputFile(path.relative_to(folder).as_posix(), path, *_look(path))
    for path in map(Path, locked):
        if not called_audio(path):  # the others are listed above
            yield InputFile(path.relative_to(folder).as_posix(), path, *_look(path))


def _look(path: Path) -> tuple[int, int, str]:
    """Size, time of the last change, and problem of a file as it is now."""
    try:
        found = path.stat()
        problem = _problem(path, found.st_mode)
    except OSError:  # for example a dangling link, or a loop of links
        return -1, -1, "unreadable"
    return (-1, -1, problem) if problem else (found.st_size, found.st_mtime_ns, "")


def _problem(path: Path, mode: int) -> str:
    if stat.S_ISDIR(mode):
        if path.is_symlink():
            return "linked_folder"
        try:
            os.scandir(path).close()
        except OSError:
            return "unreadable_folder"
        return "not_audio"
    if not stat.S_ISREG(mode):
        return "unreadable"
    if path.name.startswith("._"):
        with path.open("rb") as file:
            return "not_audio" if file.read(len(APPLE_DOUBLE)) == APPLE_DOUBLE else ""
    return ""
