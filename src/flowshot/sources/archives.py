"""Unpack archives of strangers: no member leaves its folder, links are never made, sizes are bounded."""

import errno
import lzma
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from flowshot.core.errors import FlowshotError

MAXIMUM_BYTES = 4 << 30  # unpacked, in one archive; the largest of the catalog has 0.6 GiB
MAXIMUM_MEMBERS = 100_000
CHUNK = 1 << 20

# What the readers of archives raise over damaged ones, besides what they say they do.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    OverflowError, IndexError, TypeError, NotImplementedError, RuntimeError,
)  # fmt: skip

# The path below the target folder under which a member is written, or None where it is not wanted.
Select = Callable[[PurePosixPath], PurePosixPath | None]


class _Bounds:
    """Counts members and unpacked bytes of one archive, and refuses what exceeds the bounds or has a name twice."""

    def __init__(self, archive: str, maximum_bytes: int) -> None:
        self.archive, self.maximum_bytes = archive, maximum_bytes
        self.members = self.bytes = 0
        self.names: set[str] = set()

    def member(self) -> None:
        self.members += 1
        if self.members > MAXIMUM_MEMBERS:
            raise FlowshotError(f"{self.archive}: more than {MAXIMUM_MEMBERS} members; the archive is refused")

    def name(self, target: PurePosixPath) -> None:
        """Names that differ in case, or in how accents are written, are one on some systems, and so they are here."""
        plain = unicodedata.normalize("NFC", str(target)).casefold()
        if plain in self.names:
            raise FlowshotError(f"{self.archive}: member {str(target)!r} comes twice; the archive is refused")
        self.names.add(plain)

    def unpacked(self, count: int) -> None:
        if count < 0:
            raise FlowshotError(f"{self.archive}: a member has a size below zero; the archive is refused")
        self.bytes += count
        if self.bytes > self.maximum_bytes:
            raise FlowshotError(
                f"{self.archive}: unpacks to more than {self.maximum_bytes >> 20} MiB; the archive is refused"
            )


def unpack_tar(
    file: IO[bytes], archive: str, folder: Path, select: Select, *, maximum_bytes: int = MAXIMUM_BYTES
) -> list[Path]:
    """Write the selected regular files of a tar stream (of any compression) below `folder`; returns their paths.

    Links and devices are passed over. Every name is checked, also of members that are not selected.

    Raises:
        FlowshotError: the archive is damaged, a name would leave the folder or comes twice, or a bound is exceeded.
    """
    bounds, written = _Bounds(archive, maximum_bytes), []
    try:
        with tarfile.open(fileobj=file, mode="r|*") as tar:
            for member in tar:
                bounds.member()
                path = safe_path(member.name, archive)
                # Counted before it is read: passing over a member decompresses it too.
                bounds.unpacked(member.size)
                target = select(path) if member.isreg() else None
                content = tar.extractfile(member) if target is not None else None
                if target is not None and content is not None:
                    bounds.name(target)
                    written.append(_write(content, folder, target, archive, lambda count: None))
    except DAMAGE as error:
        raise FlowshotError(f"{archive}: no readable tar archive ({error}); delete it and fetch again") from None
    return written


def unpack_zip(
    path: Path, folder: Path, select: Select, *, archive: str = "", maximum_bytes: int = MAXIMUM_BYTES
) -> list[Path]:
    """Write the selected files of a zip archive below `folder`; returns their paths.

    Raises:
        FlowshotError: as `unpack_tar`, or the archive is encrypted.
    """
    archive = archive or path.name
    bounds, written = _Bounds(archive, maximum_bytes), []
    try:
        with zipfile.ZipFile(path) as zipped:
            for member in zipped.infolist():
                bounds.member()
                name = safe_path(member.filename, archive)
                target = None if member.is_dir() or _is_link(member) else select(name)
                if target is not None:
                    bounds.name(target)
                    with zipped.open(member) as content:
                        written.append(_write(content, folder, target, archive, bounds.unpacked))
    except DAMAGE as error:  # encrypted members are a RuntimeError
        raise FlowshotError(f"{archive}: no readable zip archive ({error}); delete it and fetch again") from None
    return written


def safe_path(name: str, archive: str) -> PurePosixPath:
    """A member's name as a relative path that stays below its folder.

    Raises:
        FlowshotError: the name is absolute, goes upwards, or holds characters that some system reads so.
    """
    path = PurePosixPath(name)
    bad = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name
    if bad or (path.parts and path.parts[0].endswith(":")):
        raise FlowshotError(f"{archive}: member {name!r} would leave its folder; the archive is refused")
    return path


def _is_link(member: zipfile.ZipInfo) -> bool:
    return (member.external_attr >> 16) & 0o170000 == 0o120000


def _write(content: IO[bytes], folder: Path, target: PurePosixPath, archive: str, count: Callable[[int], None]) -> Path:
    path = folder / safe_path(str(target), archive)
    with _writing(path, target, archive):
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x": a second member of one name would replace the first one unseen.
        file = path.open("xb")
    with file:
        while chunk := content.read(CHUNK):
            count(len(chunk))
            with _writing(path, target, archive):
                file.write(chunk)
                file.flush()  # here, where a full disk is told from a damaged archive
    return path


@contextmanager
def _writing(path: Path, target: PurePosixPath, archive: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise FlowshotError(f"{archive}: member {str(target)!r} comes twice; the archive is refused") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FlowshotError(
                f"{archive}: member {str(target)[:80]!r}... has too long a name; it is refused"
            ) from None
        raise FlowshotError(f"{path}: cannot be written ({error.strerror}); free space or change permissions") from None
