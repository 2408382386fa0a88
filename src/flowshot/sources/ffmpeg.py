"""Decode by FFmpeg, through PyAV, what libsndfile cannot: AAC, ALAC, WMA, and other containers of known encodings."""

import math
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

import numpy as np

from flowshot.sources.parts import chunks, is_wav

VOC = "voc"
HEAD_BYTES = 32
# The demuxer of FFmpeg for the bytes at a place of a file. No other is tried: playlists, for example, name other files.
SIGNS = (
    (4, b"ftyp", "mov"), (4, b"moov", "mov"), (4, b"mdat", "mov"), (4, b"wide", "mov"), (0, b"caff", "caf"),
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"), (0, b"OggS", "ogg"), (8, b"AIFC", "aiff"),
    (0, b"NIST_1A\n", "nistsphere"), (0, b"Creative Voice File", VOC), (0, b"\x64\xa3", "ircam"),
    (2, b"\xa3\x64", "ircam"), (0, b"wvpk", "wv"), (0, b"TTA1", "tta"),
)  # fmt: skip
PLAIN = (1, 3, 0xFFFE)  # numbers of plain samples in a WAV file: what libsndfile refuses of them makes no sense
PROMISING = ("mov", "caf", "asf", "wv", "tta", "wav")  # demuxers of files whose header says how long they are
SLACK_SECONDS = 0.1  # by which a promise may be wrong
PROTECTED = ("drms", "enca")  # encodings of MP4 files that only their shop's player can decrypt

NotDecodedReason = Literal["unreadable", "unsupported"]


class NotDecoded(Exception):
    """FFmpeg gives no sound either, for this reason."""

    def __init__(self, reason: NotDecodedReason) -> None:
        super().__init__(reason)
        self.reason: NotDecodedReason = reason


def demuxer(file: BinaryIO) -> str:
    """The demuxer for the content of a file; empty if there is none."""
    if is_wav(file):
        found: dict[bytes, int] = {}
        for name, content, _ in chunks(file):
            found.setdefault(name, content)
        file.seek(found.get(b"fmt ", 0))
        plain = int.from_bytes(file.read(2), "little") in PLAIN
        # libsndfile stumbles over texts in front of the sound that are padded to four bytes.
        texts = found.get(b"LIST", math.inf) < found.get(b"data", 0)
        return "wav" if b"fmt " in found and (texts or not plain) else ""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head.startswith(b"ID3"):  # the tag may stand in front of any stream
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        file.seek(10 + size)
        head = file.read(HEAD_BYTES)
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0:
        return "aac"
    return next((name for place, sign, name in SIGNS if head.startswith(sign, place)), "")


class FfmpegFile:
    """The sound of a file, to be read as a `soundfile.SoundFile` is.

    Raises:
        NotDecoded: `unreadable` or `unsupported`; as do its methods.
    """

    extra_info = subtype = ""

    def __init__(self, file: BinaryIO, name: str) -> None:
        import av  # takes a tenth of a second, for which other files should not wait

        self._broken, self._promising = av.FFmpegError, name in PROMISING
        file.seek(0)
        try:
            # A file of Python's, because FFmpeg would take some names for addresses.
            self._container = av.open(file, format=name)
        except av.FFmpegError:
            raise NotDecoded("unreadable") from None
        stream = next(iter(self._container.streams.audio), None)
        context: Any = stream and stream.codec_context
        reason: NotDecodedReason | None = None
        if stream is None or (context and not context.channels):
            reason = "unreadable"
        elif context is None or context.codec_tag in PROTECTED:
            reason = "unsupported"
        if reason:
            self.close()
            raise NotDecoded(reason)
        self.samplerate, self.channels = int(context.sample_rate), int(context.channels)
        if context.name == "alac":  # it knows its end itself; where the container knows it too, it would be cut twice
            context.flags2 |= av.codec.context.Flags2.skip_manual
        self._rest = np.empty((0, self.channels), dtype=np.float32)
        self._frames = self._decoded(stream)

    def close(self) -> None:
        """Close the decoder."""
        self._container.close()

    def buffer_read_into(self, buffer: np.ndarray, dtype: str = "float32") -> int:
        """Fill `buffer: [frames, channels]` from its beginning; returns how many frames there were."""
        done = 0
        while done < len(buffer):
            if not len(self._rest):
                found = next(self._frames, None)
                if found is None:
                    break
                self._rest = found
            count = min(len(buffer) - done, len(self._rest))
            buffer[done : done + count] = self._rest[:count]
            self._rest = self._rest[count:]
            done += count
        return done

    def _decoded(self, stream: Any) -> Iterator[np.ndarray]:
        """Blocks `[frames, channels]` of float32; refuses streams that end before their header says so."""
        played = 0
        try:
            for packet in self._container.demux(stream):
                if packet.is_corrupt:
                    raise NotDecoded("unreadable")
                played += packet.duration or 0
                for frame in packet.decode():
                    if (frame.sample_rate, len(frame.layout.channels)) != (self.samplerate, self.channels):
                        raise NotDecoded("unreadable")
                    yield _as_floats(frame)
        except self._broken:
            raise NotDecoded("unreadable") from None
        missing = ((stream.duration or 0) - played) * stream.time_base
        if self._promising and missing > SLACK_SECONDS:
            raise NotDecoded("unreadable")


def _as_floats(frame: Any) -> np.ndarray:
    """A frame of FFmpeg's as `[frames, channels]` float32, integers as libsndfile scales them."""
    values = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
    if values.dtype.kind == "u":
        return (values.astype(np.float32) - 128) / 128
    if values.dtype.kind == "i":
        return (values / float(1 << 8 * values.dtype.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
