"""Unpack selected files of an archive. The standard library keeps every member below its folder."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from flowshot.core.errors import FlowshotError
from flowshot.core.files import unwritable

# What the readers raise for damaged archives, besides their documented errors. Encrypted members are a RuntimeError.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    OverflowError, IndexError, TypeError, NotImplementedError, RuntimeError,
)  # fmt: skip

# The path below the target folder where a member is written, or None where it is not wanted.
Select = Callable[[PurePosixPath], PurePosixPath | None]


def unpack_tar(file: IO[bytes], archive: str, folder: Path, select: Select) -> None:
    """Write the selected regular files of a tar stream (of any compression) below `folder`.

    Raises FlowshotError if the archive is damaged, or a file would be written outside of `folder`.
    """
    with readable(archive, "tar"), tarfile.open(fileobj=file, mode="r|*") as tar:
        for member in tar:
            target = select(PurePosixPath(member.name)) if member.isreg() else None
            if target is not None:
                tar.extract(member.replace(name=str(target), deep=False), folder, filter="data")


def unpack_zip(path: Path, folder: Path, select: Select, *, archive: str) -> None:
    """As `unpack_tar`, of a zip archive, which must not be encrypted."""
    with readable(archive, "zip"), zipfile.ZipFile(path) as zipped:
        for member in zipped.infolist():
            target = None if member.is_dir() else select(PurePosixPath(member.filename))
            if target is not None:
                member.filename = str(target)
                zipped.extract(member, folder)


@contextmanager
def readable(archive: str, kind: str) -> Iterator[None]:
    """Raise FlowshotError, one line, if the block finds the archive damaged."""
    try:
        yield
    except DAMAGE as error:
        if unwritable(error) is not None:
            raise
        raise FlowshotError(f"{archive}: no readable {kind} archive ({error}); delete it and fetch again") from None
