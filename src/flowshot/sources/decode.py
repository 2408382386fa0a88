"""Decode audio files block by block, so that memory does not grow with the length of a file."""

import contextlib
import ctypes
import io
import math
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
import soundfile
import soxr

from flowshot.sources.ffmpeg import VOC, FfmpegFile, NotDecoded, demuxer
from flowshot.sources.parts import Part, parts

LOWEST_RATE, HIGHEST_RATE = 1000, 768_000  # Hz; a header that says otherwise is damaged
BLOCK_SAMPLES = 1 << 20  # over all channels: 4 MiB of float32
MAXIMUM_SAMPLES = 1 << 32  # over all channels: a day of mono at 48 kHz. A small FLAC can hold more than any disk
RESAMPLED_BLOCK = 1 << 23  # samples that leave the resampler at once, at most

# What libsndfile notes of a header that promises more audio than the file has: WAV, AIFF, AU and Wave64, then RF64.
CUT_OFF = re.compile(
    r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)"
    r"|^\*\*\* Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)",
    re.MULTILINE,
)
# What it notes of a WAV file's frames: bytes, and bits of a sample.
FRAME_SIZE = re.compile(r"^ *Block Align *: (\d+)(?: .*)?\n *Bit Width *: (\d+)", re.MULTILINE)
STREAMED = 0x7FFF0000  # bytes; programs that write to a pipe promise at least this, because they do not know the length
MISCOUNTED = 128  # bytes by which a promise may be wrong because a program counted its header, or padding, as audio

SoundFile: TypeAlias = soundfile.SoundFile | FfmpegFile
Reason = Literal["unreadable", "unsupported", "empty", "silent", "too_short", "too_long", "not_finite"]


@dataclass(frozen=True)
class FileFacts:
    """Length and format of a file that could be decoded."""

    seconds: float
    sample_rate: int
    channels: int


class UnusableAudio(Exception):
    """A file that gives no clip: the audit's word for why, and what is known of the file."""

    def __init__(self, reason: Reason, facts: FileFacts | None = None) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.facts = facts


@dataclass(frozen=True)
class Measurement:
    """What decoding a whole file shows; the header's length is not believed."""

    facts: FileFacts
    frames: int
    first: float  # the first sample of the mono mix
    peak: float  # largest distance of a sample from `first`
    audio: np.ndarray | None  # the mono mix of a short file, so that it is decoded once only


def read_format(path: Path) -> tuple[int, int]:
    """Sample rate (Hz) and channels in a file's header. Raises UnusableAudio where it is empty or unreadable."""
    with _opened(path) as files:
        return files[0].samplerate, files[0].channels


def mono_blocks(path: Path) -> Iterator[np.ndarray]:
    """The file as mono float32 blocks `[frames]` at its own sample rate: the mean of its channels.

    Raises UnusableAudio where it cannot be decoded to its end, holds NaN or infinity, or more than MAXIMUM_SAMPLES.
    """
    with _opened(path) as files:
        width = files[0].channels
        buffer = np.empty((max(1, BLOCK_SAMPLES // width), width), dtype=np.float32)
        decoded = 0
        for count in _counts(files, buffer):
            decoded += count * width
            if decoded > MAXIMUM_SAMPLES:
                raise UnusableAudio("too_long")
            # Overflow of huge values becomes infinity, which the next line refuses.
            with np.errstate(over="ignore", invalid="ignore"):
                if width == 2:  # NumPy is slow at means over two numbers
                    mono = (buffer[:count, 0] + buffer[:count, 1]) / np.float32(2)
                else:
                    mono = buffer[:count].mean(axis=1)
            if not np.isfinite(mono).all():
                raise UnusableAudio("not_finite")
            yield mono


def measure(path: Path) -> Measurement:
    """Decode a whole file and say how long and how loud it is.

    The peak is taken relative to the first sample, so that a constant offset does not count as sound. Raises
    UnusableAudio as `mono_blocks` does, and where the file holds no samples.
    """
    rate, channels = read_format(path)
    frames, first, peak = 0, 0.0, 0.0
    audio = None
    for block in mono_blocks(path):
        audio = block if frames == 0 else None
        first = float(block[0]) if frames == 0 else first
        frames += len(block)
        peak = max(peak, float(block.max()) - first, first - float(block.min()))
    facts = FileFacts(frames / rate, rate, channels)
    if frames == 0:
        raise UnusableAudio("empty", facts)
    return Measurement(facts, frames, first, peak, audio)


def resampled(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Blocks of mono float32 at another sample rate, band-limited (soxr, high quality)."""
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        # In pieces, because a block of a low rate may become hundreds of times as long.
        for piece in np.array_split(block, 1 + len(block) * to_rate // (from_rate * RESAMPLED_BLOCK)):
            yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep what C decoders print about damaged files away from the terminal, and from JSON on standard output."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved, null = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what C still holds back of its own standard output
        for number, before in enumerate(saved, 1):
            os.dup2(before, number)
            os.close(before)
        os.close(null)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[list[SoundFile]]:
    """The sound of a file; the parts of one that is chained of several Ogg streams, in their order."""
    with contextlib.ExitStack() as stack:
        try:
            found = path.stat()
            # Looked at before it is opened: to open a pipe would wait for ever, and a device may never end.
            if not stat.S_ISREG(found.st_mode):
                raise UnusableAudio("unreadable")
            if found.st_size == 0:
                raise UnusableAudio("empty")
            sources: list[Part | None] = [*parts(path)] or [None]
            files = [_decoder(path, part, stack) for part in sources]
        except OSError as error:
            raise UnusableAudio("unreadable") from error
        formats = {(file.samplerate, file.channels) for file in files}
        plausible = len(formats) == 1 and LOWEST_RATE <= files[0].samplerate <= HIGHEST_RATE
        if not plausible or any(_cut_off(file) or _contradicts_itself(file) for file in files):
            raise UnusableAudio("unreadable")
        yield files


def _decoder(path: Path, part: Part | None, stack: contextlib.ExitStack) -> SoundFile:
    """Of a part of a file, or of all of it: libsndfile's, or FFmpeg's where that has none, or a wrong one."""
    file: BinaryIO = path.open("rb") if part is None else io.BufferedReader(part)
    stack.callback(file.close)
    name = demuxer(file)
    file.seek(0)
    if name != VOC:  # libsndfile plays the mark of its end
        with contextlib.suppress(soundfile.SoundFileError, TypeError):  # that of suffixes of headerless audio
            # The name as bytes, because it need not be valid text.
            return stack.enter_context(soundfile.SoundFile(os.fsencode(path) if part is None else file))
    if not name:
        raise UnusableAudio("unreadable")
    try:
        return stack.enter_context(contextlib.closing(FfmpegFile(file, name)))
    except NotDecoded as problem:
        raise UnusableAudio(problem.reason) from None


def _cut_off(file: SoundFile) -> bool:
    """Whether the end of the audio is missing: decoders of plain samples do not report this."""
    for match in CUT_OFF.finditer(file.extra_info):
        size, should_be, frames, promised_frames = (int(group or 0) for group in match.groups())
        if should_be + MISCOUNTED < size < STREAMED or frames < promised_frames:
            return True
    return False


def _contradicts_itself(file: SoundFile) -> bool:
    """Whether plain samples take another number of bytes than the header says: libsndfile would decode noise."""
    found = FRAME_SIZE.search(file.extra_info)
    if found is None or not file.subtype.startswith(("PCM", "FLOAT", "DOUBLE")):
        return False
    align, bits = map(int, found.groups())
    return align != file.channels * math.ceil(bits / 8)


def _counts(files: Iterable[SoundFile], buffer: np.ndarray) -> Iterator[int]:
    """How many frames each read of the files leaves in `buffer`."""
    for file in files:
        try:
            # Not read(), which stops at the length in the header, and that may be wrong.
            while count := int(file.buffer_read_into(buffer, dtype="float32")):
                yield count
        except NotDecoded as problem:
            raise UnusableAudio(problem.reason) from None
        except (OSError, soundfile.SoundFileError) as error:
            raise UnusableAudio("unreadable") from error
