"""Write outputs whole or not at all, and name content by its hash."""

import errno
import fcntl
import functools
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError

# What the system says where a disk is full, broken or read-only, a file too large, or a folder somebody else's.
UNWRITABLE = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS,
})  # fmt: skip
# How outputs are called, hidden, before they are whole, and folders while they are replaced; `tempfile` adds the rest.
UNFINISHED, REPLACED = "unfinished-", "replaced-"
RANDOM = "[a-z0-9_]{8}"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raise FlowshotError, one line about `place`, where the block fails because something cannot be written."""
    try:
        yield
    except Exception as error:
        if (reason := unwritable(error)) is None:
            raise
        raise FlowshotError(f"{place}: cannot be written ({reason}); free space or change permissions") from None


def unwritable(error: Exception) -> str | None:
    """What the system says where `error` came of something that cannot be written; None where it did not."""
    number = error.errno if isinstance(error, OSError) else None
    # Libraries in Rust, such as safetensors, say it in words.
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        number = int(found[1])
    return os.strerror(number) if number in UNWRITABLE else None


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new empty folder that takes the place of `folder` when the block ends well.

    Where the block raises, the new folder is removed and what was at `folder` before stays as it was. What a process
    that was killed in such a block left is removed by the next one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _restore_folder(folder)
    _sweep(_temporary_names(folder.parent), folder.parent, f".{folder.name}.")
    with _held(lambda: tempfile.mkdtemp(prefix=f".{folder.name}.{UNFINISHED}", dir=folder.parent)) as fresh:
        try:
            fresh.chmod(0o755)
            yield fresh
            _replace_folder(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path of a new file that takes the place of `path` when the block ends well; else as `whole_folder`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(_temporary_names_at_first(path.parent), path.parent, f".{path.stem}.", path.suffix)

    def make() -> str:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.{UNFINISHED}", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        return name

    with _held(make) as fresh:
        try:
            fresh.chmod(0o644)
            yield fresh
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


@contextmanager
def one_process_at(folder: Path) -> Iterator[None]:
    """What is done with `folder` in the block is done by this process alone; the lock of one that was killed is gone.

    Raises:
        FlowshotError: another process is at it.
    """
    # Imported here, because most of what writes files needs no lock.
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FlowshotError(f"{folder}: another process is at this work; wait for it, or stop it") from None
    try:
        yield
    finally:
        # Before it is released, or another process might have it by then.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """`folder` for this process alone: it goes where the block ends well, and stays for the next try where it raises.

    Raises:
        FlowshotError: another process has it.
    """
    with one_process_at(folder):
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN and infinity are refused with ValueError."""
    with whole_file(path) as fresh:
        fresh.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises FlowshotError where it is missing or damaged."""
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


@contextmanager
def _held(make: Callable[[], str]) -> Iterator[Path]:
    """What `make` makes and names, locked by this process, so that no `_sweep` takes it for left behind."""
    while True:
        fresh = Path(make())
        handle = _lock(fresh, fcntl.LOCK_EX)
        if fresh.exists():
            break
        # Swept before it was locked: make another one.
    try:
        yield fresh
    finally:
        if handle is not None:
            os.close(handle)


def _sweep(left: Iterable[str], folder: Path, prefix: str, suffix: str = "") -> None:
    """Remove those of the names `left` in `folder` that a killed process made: no living one holds them."""
    name = re.compile(f"{re.escape(prefix)}({UNFINISHED}|{REPLACED}){RANDOM}{re.escape(suffix)}")
    for path in [folder / each for each in left if name.fullmatch(each)]:
        handle = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if handle is None:
            continue
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        os.close(handle)


def _lock(path: Path, how: int) -> int | None:
    """A handle that holds `path`; None where it is gone or held, or the file system knows no such locks."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, how)
    except OSError:
        os.close(handle)
        return None
    return handle


def _temporary_names(folder: Path) -> tuple[str, ...]:
    names = (each.name for each in os.scandir(folder))
    return tuple(name for name in names if name.startswith(".") and (UNFINISHED in name or REPLACED in name))


# Looked at once in a process, because some write thousands of files into one folder.
_temporary_names_at_first = functools.lru_cache(maxsize=64)(_temporary_names)


def _restore_folder(folder: Path) -> None:
    """Put `folder` back where a process was killed after it had moved it away and before the new one was in place."""
    if not folder.exists():
        for moved in folder.parent.glob(f".{glob.escape(folder.name)}.{REPLACED}*/{glob.escape(folder.name)}"):
            with suppress(OSError):
                moved.rename(folder)


def _replace_folder(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    with _held(lambda: tempfile.mkdtemp(prefix=f".{folder.name}.{REPLACED}", dir=folder.parent)) as old:
        try:
            folder.rename(old / folder.name)
            try:
                fresh.rename(folder)
            except OSError:
                (old / folder.name).rename(folder)
                raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
