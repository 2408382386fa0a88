"""Ogg files that are chained of several streams, of which libsndfile decodes the first alone."""

import io
import struct
from pathlib import Path

PAGE = struct.Struct("<4sBBqIIIB")  # capture pattern, version, flags, position, serial, sequence, checksum, segments
FIRST_PAGE = 0x02  # the flag of the page that begins a stream


class FilePart(io.FileIO):
    """Some bytes of a file, as a file of their own."""

    def __init__(self, path: Path, part: range) -> None:
        super().__init__(path)
        self._part = part
        self.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place in the part."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: len(self._part)}[whence]
        return super().seek(self._part.start + max(0, origin + offset)) - self._part.start

    def tell(self) -> int:
        """The place in the part."""
        return super().tell() - self._part.start

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override] # of any buffer
        """Read what fits into `buffer`, up to the part's end."""
        room = max(0, len(self._part) - self.tell())
        return super().readinto(memoryview(buffer)[:room])


def chained_parts(path: Path) -> list[range]:
    """The bytes of each stream that an Ogg file is chained of; of any other file, one range of all its bytes."""
    size = path.stat().st_size
    starts = [0]
    with path.open("rb") as file:
        position, body = 0, False
        while len(head := file.read(PAGE.size)) == PAGE.size and head.startswith(b"OggS"):
            *_, segments = fields = PAGE.unpack(head)
            # Streams that are multiplexed begin one after the other, before the first page of any body.
            if fields[2] & FIRST_PAGE and body:
                starts.append(position)
            body = not fields[2] & FIRST_PAGE
            position = file.seek(sum(file.read(segments)), io.SEEK_CUR)
    return [range(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]
