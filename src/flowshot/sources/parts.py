"""The position of the sound in a file, if libsndfile would stop too early or read too far."""

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# A page of an Ogg file: capture pattern, version, flags, position, serial, sequence, checksum, segments.
OGG_PAGE = struct.Struct("<4sBBqIIIB")
FIRST_PAGE = 0x02  # the flag of the page that begins a stream
CHUNK = struct.Struct("<4sI")
ID3V1_BYTES = 128


class Part(io.RawIOBase):
    """The bytes `start` to `end` of a file as a file of its own; `patch` stands in it from byte `place` on."""

    def __init__(self, path: Path, start: int, end: int, place: int = 0, patch: bytes = b"") -> None:
        super().__init__()
        self._file = path.open("rb")
        self._start, self._size, self._at = start, end - start, 0
        self._place, self._patch = place, patch

    def readable(self) -> bool:
        """As of any file."""
        return True

    def seekable(self) -> bool:
        """As of any file."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any file."""
        self._file.seek(self._start + self._at)
        content = bytearray(self._file.read(max(0, min(len(buffer), self._size - self._at))))
        for index, byte in enumerate(self._patch, self._place - self._at):
            if 0 <= index < len(content):
                content[index] = byte
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def parts(path: Path) -> list[Part]:
    """The parts that are decoded in order; none if the file is decoded as it is."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head.startswith(b"OggS"):
            starts = _ogg_streams(file)
            pairs = zip(starts, [*starts[1:], size], strict=True)
            return [Part(path, start, end) for start, end in pairs] if len(starts) > 1 else []
        if head.startswith(b"fLaC") and size > ID3V1_BYTES:
            file.seek(-ID3V1_BYTES, io.SEEK_END)
            return [Part(path, 0, size - ID3V1_BYTES)] if file.read(3) == b"TAG" else []
        place = _zero_data(file, size)
    return [Part(path, 0, size, place - 4, struct.pack("<I", min(size - place, 0xFFFFFFFE)))] if place else []


def lacks_length(path: Path) -> bool:
    """Whether it is a WAV file with a length of 0 in its header, because its recorder was interrupted."""
    try:
        with path.open("rb") as file:
            return bool(_zero_data(file, os.fstat(file.fileno()).st_size))
    except OSError:
        return False


def chunks(file: BinaryIO, place: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the content, and size of each chunk of a WAV file, as far as there are names."""
    file.seek(place)
    while len(head := file.read(CHUNK.size)) == CHUNK.size:
        name, size = CHUNK.unpack(head)
        if b"\0" in name:  # such as in a sound of zeros, which is no chunk
            return
        content = file.tell()
        yield name, content, size
        file.seek(content + size + size % 2)


def is_wav(file: BinaryIO) -> bool:
    """Whether a file begins as WAV does."""
    file.seek(0)
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"


def _zero_data(file: BinaryIO, size: int) -> int:
    """The position of audio that has a length of 0 in the header of a WAV file, or 0."""
    if not is_wav(file):
        return 0
    place = next((content for name, content, length in chunks(file) if name == b"data" and not length), 0)
    if not 0 < place < size:
        return 0
    # Chunks that end where the file ends are not audio: then the file really has none.
    end = max((content + length for _, content, length in chunks(file, place)), default=0)
    return 0 if end in (size, size - 1) else place


def _ogg_streams(file: BinaryIO) -> list[int]:
    """Where each of the streams begins that an Ogg file is chained of: libsndfile decodes the first alone."""
    starts, body = [0], False
    file.seek(0)
    while len(head := file.read(OGG_PAGE.size)) == OGG_PAGE.size and head.startswith(b"OggS"):
        flags, segments = OGG_PAGE.unpack(head)[2], head[-1]
        # Streams that are multiplexed begin one after the other, before the first page of any body.
        if flags & FIRST_PAGE and body:
            starts.append(file.tell() - OGG_PAGE.size)
        body = not flags & FIRST_PAGE
        file.seek(sum(file.read(segments)), io.SEEK_CUR)
    return starts
