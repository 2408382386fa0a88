"""What makes the files of the corpus, given their path and the frequency of their tone."""

import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from corpus.audio_bytes import RATE, SECONDS, encoded, int16, through_ffmpeg, tone, wav

SPARSE = 2 << 30  # bytes

Make = Callable[[Path, float], object]


def holds(content: bytes) -> Make:
    """These bytes, whatever the frequency."""
    return lambda path, _: path.write_bytes(content)


def of_tone(make: Callable[[np.ndarray], bytes], rate: int = RATE, seconds: float = SECONDS) -> Make:
    """Bytes made of the tone."""
    return lambda path, frequency: path.write_bytes(make(tone(frequency, rate, seconds)))


def written(container: str, subtype: str, rate: int = RATE, endian: str = "FILE") -> Make:
    """The tone as libsndfile writes it."""
    return of_tone(lambda audio: encoded(audio, container, subtype, rate, endian), rate)


def with_ffmpeg(
    container: str,
    codec: str,
    rate: int = RATE,
    channels: int = 1,
    seconds: float = SECONDS,
    change: Callable[[bytes], bytes] = bytes,
) -> Make:
    """The tone as FFmpeg writes it, and changed then."""
    return of_tone(lambda audio: change(through_ffmpeg(audio, container, codec, rate, channels)), rate, seconds)


def halved(container: str, subtype: str, rate: int = RATE) -> Make:
    """The first half of such a file of one second."""

    def make(audio: np.ndarray) -> bytes:
        whole = encoded(audio, container, subtype, rate)
        return whole[: len(whole) // 2]

    return of_tone(make, rate, seconds=1.0)


def floats(change: Callable[[np.ndarray], np.ndarray], bits: int = 32, rate: int = RATE) -> Make:
    """The tone in floating point, changed."""
    return of_tone(
        lambda audio: wav(change(audio).astype(f"<f{bits // 8}").tobytes(), tag=3, bits=bits, rate=rate), rate
    )


def lying(**header: int) -> Make:
    """The tone in 16 bit, under a header that says something else."""
    return of_tone(lambda audio: wav(int16(audio), **header))


def with_one(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Sets one sample."""
    return lambda audio: np.where(np.arange(len(audio)) == 1000, value, audio)


def channels(count: int) -> Make:
    """The tone in the first of so many channels and louder, the others silent, so that their mean is the tone."""

    def make(audio: np.ndarray) -> bytes:
        frames = np.zeros((len(audio), count))
        frames[:, 0] = count * audio
        return encoded(frames, "WAV", "FLOAT")

    return of_tone(make)


def chained(subtype: str) -> Make:
    """The halves of the tone as two Ogg streams, one behind the other."""
    return of_tone(lambda audio: b"".join(encoded(half, "OGG", subtype) for half in np.split(audio, 2)))


def sparse(header: bytes) -> Make:
    """A file of 2 GiB that takes no room on the disk."""

    def make(path: Path, _: float) -> None:
        path.write_bytes(header)
        os.truncate(path, SPARSE)

    return make


def zip_of(name: str, content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(name: str, content: bytes) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, BytesIO(content))
    return buffer.getvalue()


def link_to(target: str) -> Make:
    return lambda path, _: path.symlink_to(target)


def bound_socket(path: Path, _: float) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as end:
        # By its name alone, because the path of a socket may have 107 bytes only.
        os.chdir(path.parent)
        try:
            end.bind(path.name)
        finally:
            os.chdir(here)


def folder_with_a_sound(path: Path, frequency: float) -> None:
    path.mkdir()
    (path / "inside.wav").write_bytes(encoded(tone(frequency), "WAV", "PCM_16"))


class Mine:
    """Makes the file `touched` if it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, ("touched", "w")
