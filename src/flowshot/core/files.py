"""Write outputs whole or not at all, and name content by its hash."""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError

# Errors of a disk that is full, broken or read-only, of a file that is too large, or of somebody else's folder.
UNWRITABLE = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS,
})  # fmt: skip


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raise FlowshotError, one line about `place`, if the block fails because something cannot be written."""
    try:
        yield
    except Exception as error:
        below_a_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "it is below a file" if below_a_file else unwritable(error)
        if reason is None:
            raise
        remedy = "free space, change permissions, or choose another place"
        raise FlowshotError(f"{place}: cannot be written ({reason}); {remedy}") from None


def unwritable(error: Exception) -> str | None:
    """The system's reason if `error` means that something cannot be written; otherwise None."""
    number = error.errno if isinstance(error, OSError) else None
    # Libraries in Rust, such as safetensors, and numpy say it in words.
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        number = int(found[1])
    elif number is None and re.search(r"^Not enough free space|^\d+ requested and \d+ written$", str(error)):
        number = errno.ENOSPC
    return os.strerror(number) if number in UNWRITABLE else None


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new empty folder that replaces `folder` if the block succeeds.

    Where the block raises, the new folder is removed and what was at `folder` stays as it was. What a killed process
    left here is removed by the next one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("unfinished", "replaced"))
    if old.exists() and not folder.exists():
        old.rename(folder)  # a process was killed after it had moved the folder away
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir(mode=0o755)
    try:
        yield fresh
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    finally:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path of a new file that replaces `path` if the block succeeds; otherwise as `whole_folder`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.unfinished{path.suffix}")  # numpy would add the suffix
    fresh.unlink(missing_ok=True)
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """`folder` for this process alone; deleted if the block succeeds, otherwise kept for the next try.

    Its name is a digest of all that the work depends on. What lies beside it is of work that was interrupted and that
    nobody can resume; it is removed, with a warning.

    Raises:
        FlowshotError: another process has it.
    """
    # Imported here, because most of what writes files needs no lock.
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FlowshotError(
            f"{folder}: another process is already running this stage; wait for it, or stop it"
        ) from None
    for other in folder.parent.glob("[!.]*/"):
        with suppress(Timeout), FileLock(f"{other}.lock", timeout=0):
            if other != folder:
                print(
                    f"warning: {folder.parent}: starts again, because parameters, code or data have changed since it "
                    "was interrupted; its state is deleted",
                    file=sys.stderr,
                )
                shutil.rmtree(other, ignore_errors=True)
                Path(f"{other}.lock").unlink(missing_ok=True)
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        # Before the release, because another process might have the lock by then.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN and infinity raise ValueError."""
    with whole_file(path) as fresh:
        fresh.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises FlowshotError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FlowshotError(f"{path}: not found; run `dvc repro` to make it") from None
    except (OSError, ValueError) as error:
        raise FlowshotError(f"{path}: cannot be read as JSON ({error}); run `dvc repro` to make it again") from None


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
