"""Is there anything to do? `make repro` asks here first, because DVC takes seconds to find that there is not.

    python -m flowshot.execution.unchanged COMMAND...    # runs the command, unless nothing changed
    python -m flowshot.execution.unchanged               # remembers what is there now, where DVC finds it up to date

DVC itself takes a file for unchanged whose inode, size and time of change are what they were when it last looked, so
what it says of the plan follows from those of all files that it looks at: `dvc.yaml`, `dvc.lock`, `params.yaml`, its
settings, every dependency and output, and its cache. What is remembered is a digest of them, taken before and after a
`dvc status` that found nothing to do. While the digest is the same, DVC would find the same. Whatever is doubtful, such
as a record that cannot be read, is left to DVC.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowshot.core.files import write_json
from flowshot.execution.graph import DVC

RECORD = Path(".flowshot/unchanged.json")
LOCK, CACHE = "dvc.lock", ".dvc/cache/files"
SETTINGS = ("dvc.yaml", LOCK, "params.yaml", ".dvcignore", ".dvc/config", ".dvc/config.local", CACHE)


def main(command: list[str]) -> None:
    """Run `command` in place of this process, unless nothing changed; without one, remember what is there now."""
    if not command:
        remember()
    elif is_unchanged():
        print(f"Nothing changed since DVC found all of the plan up to date (remembered in {RECORD}).")
    else:
        # In place of this process, so that signals reach it.
        os.execvp(command[0], command)


def is_unchanged() -> bool:
    """Whether every file that DVC would look at is as it was when DVC last found all up to date."""
    try:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        return bool(record["digest"] == digest(record["paths"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember() -> None:
    """Keep the digest where DVC finds everything up to date now, and forget the former one where it does not."""
    if is_unchanged():
        return
    RECORD.unlink(missing_ok=True)
    try:
        paths = locked_paths(Path(LOCK))
        before = digest(paths)
        up_to_date = subprocess.run([*DVC, "status", "--quiet"], stdin=subprocess.DEVNULL).returncode == 0
        # A file that was changed while DVC looked may be one that it had looked at already.
        if up_to_date and Path(CACHE).is_dir() and digest(paths) == before:
            write_json(RECORD, {"digest": before, "paths": paths})
    except OSError:
        return  # the next run asks DVC


def locked_paths(lock: Path) -> list[str]:
    """The dependencies and outputs of all stages in DVC's lock file; raises OSError where it cannot be read."""
    # Imported here, because whoever asks whether anything changed needs no YAML.
    import yaml

    # As yaml.safe_load, by the reader in C where there is one: ten times faster.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(lock.read_text(encoding="utf-8"))
    stages = (loader.get_single_data() or {}).get("stages", {})
    return sorted(
        {entry["path"] for stage in stages.values() for kind in ("deps", "outs") for entry in stage.get(kind, [])}
    )


def digest(paths: Iterable[str]) -> str:
    """Of what the file system says of `paths`, of what is in them, and of DVC's own files; that one is missing counts.

    Raises:
        OSError: a folder cannot be read.
    """
    seen = hashlib.sha256()
    for path in (*SETTINGS, *paths):
        for token in _tokens(path):
            seen.update(f"{token}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _tokens(path: str) -> Iterator[str]:
    yield _token(Path(path))
    # As DVC goes through folders: links to folders below are not followed.
    for folder, folders, files in os.walk(path, onerror=_raise):
        folders.sort()
        for name in (*folders, *sorted(files)):
            yield _token(Path(folder, name))


def _token(path: Path) -> str:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"{str(path)!r} missing"
    # The time at which the inode changed, which no program sets back, beside that of the content, which some do.
    return f"{str(path)!r} {found.st_mode} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


if __name__ == "__main__":
    main(sys.argv[1:])
