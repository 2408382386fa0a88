"""Is there anything to do? `make repro` checks here first, because DVC takes seconds for it.

`python -m flowshot.execution.unchanged` fails where something may have changed since `... unchanged --remember` found
that DVC had nothing to do. DVC takes a file for unchanged whose inode, size and times are what they were when it last
looked. So does this: it keeps a digest of those of `dvc.yaml`, `dvc.lock`, `params.yaml` and what its values name (such
as a folder of sounds), DVC's settings and cache, and every dependency and output. Whatever is doubtful is left to DVC.
"""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowshot.core.files import write_json
from flowshot.execution.graph import DVC

RECORD = Path(".flowshot/unchanged.json")
LOCK, PARAMS, CACHE = "dvc.lock", "params.yaml", ".dvc/cache/files"
# Errors of a path that is not there; a text of params.yaml may be longer than any.
MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
ALWAYS = ("dvc.yaml", LOCK, PARAMS, ".dvcignore", ".dvc/config", ".dvc/config.local", CACHE)


def is_unchanged() -> bool:
    """Whether every file that DVC would look at is as it was when DVC last found all up to date."""
    try:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        return bool(record["digest"] == digest(record["paths"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember() -> None:
    """Store the digest if DVC finds everything up to date now; otherwise delete the stored one."""
    RECORD.unlink(missing_ok=True)
    try:
        paths = watched_paths()
        before = digest(paths)
        up_to_date = subprocess.run([*DVC, "status", "--quiet"], stdin=subprocess.DEVNULL).returncode == 0
        # A file that was changed while DVC looked may be one that it had looked at already.
        if up_to_date and Path(CACHE).is_dir() and digest(paths) == before:
            write_json(RECORD, {"digest": before, "paths": paths})
    except (OSError, RuntimeError, ValueError):  # the latter two for `~name` of nobody
        return  # the next run asks DVC


def watched_paths() -> list[str]:
    """What the stages of the lock file depend on and make, and what params.yaml names; OSError without a lock file."""
    from ruamel.yaml import YAML  # which takes longer to import than the question takes to answer

    reader = YAML(typ="safe")
    stages = reader.load(Path(LOCK)).get("stages", {}).values()
    locked = {entry["path"] for stage in stages for kind in ("deps", "outs") for entry in stage.get(kind, [])}
    named = {str(Path(text).expanduser()) for text in _texts(reader.load(Path(PARAMS))) if text}
    return sorted({*ALWAYS, *locked, *named})


def digest(paths: list[str]) -> str:
    """Of what the file system says of `paths` and of what is in them; that one is missing counts. Raises OSError."""
    seen = hashlib.sha256()
    for path in paths:
        for token in _tokens(path):
            seen.update(f"{token}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _texts(values: Any) -> Iterator[str]:
    """Every text in nested mappings and lists."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict | list):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _texts(value)


def _tokens(path: str) -> Iterator[str]:
    yield _token(path)
    # As DVC walks folders: it does not follow links to folders below.
    with suppress(ValueError):  # as in `_token`
        for folder, folders, files in os.walk(path, onerror=_raise):
            folders.sort()
            for name in (*folders, *sorted(files)):
                yield _token(f"{folder}/{name}")


def _token(path: str) -> str:
    try:
        found = Path(path).stat()
    except ValueError:  # it holds a NUL
        return f"{path!r} missing"
    except OSError as error:
        _raise(error)
        return f"{path!r} missing"
    # Besides the time of the content, which some programs reset, that of the inode, which none does.
    return f"{path!r} {found.st_mode} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _raise(error: OSError) -> None:
    if error.errno not in MISSING:
        raise error


if __name__ == "__main__":
    if sys.argv[1:] == ["--remember"]:
        remember()
    elif not is_unchanged():
        sys.exit(1)
    else:
        print("Nothing changed since DVC found everything up to date.")
