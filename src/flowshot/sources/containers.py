"""Take the sounds out of the containers that games and synthesizers keep them in."""

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.sources.archives import readable
from flowshot.sources.inputs import called_audio
from flowshot.sources.soundfont import Recording, one_shot, safe_name

# A GUS patch: bytes of its headers, of the file, of the instrument and of the layer; then a header and audio a sample.
PATCH_HEADERS, PATCH_SAMPLE = 129 + 63 + 47, struct.Struct("<8x3IH33xB40x")  # bytes, loop, rate, mode
PATCH_16_BIT, PATCH_UNSIGNED, PATCH_LOOPED = 1, 2, 4
WAD_SOUND = 3  # the format number of a lump of 8-bit samples
# A group of OpenClonk: a scrambled header, a table of entries, then their content; compressed by a gzip in disguise.
GROUP_HEADER, GROUP_ENTRY = 204, struct.Struct("<260s6i32x")

Sounds = Iterator[tuple[str, bytes]]  # path and content of each


def write_sounds(read: Callable[[bytes], Sounds], container: Path, folder: Path) -> None:
    """Write what `read` finds in a container below `folder`.

    Raises FlowshotError if the container is damaged.
    """
    with readable(container.name, container.suffix.removeprefix(".")):
        for name, content in read(container.read_bytes()):
            path = folder.joinpath(*(safe_name(part) for part in PurePosixPath(name).parts))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def patch_sounds(content: bytes) -> Sounds:
    """The samples of a GUS patch (.pat) as FLAC, by their number; looped ones as those of a SoundFont."""
    if not content.startswith(b"GF1PATCH"):
        raise ValueError("it is not a GUS patch")
    position = PATCH_HEADERS
    for number in range(content[PATCH_HEADERS - 41]):
        size, first, end, rate, mode = PATCH_SAMPLE.unpack_from(content, position)
        wide = mode & PATCH_16_BIT
        audio = np.frombuffer(content, "<i2" if wide else "i1", size >> wide, position + PATCH_SAMPLE.size)
        position += PATCH_SAMPLE.size + size
        if mode & PATCH_UNSIGNED:
            audio = audio ^ np.iinfo(audio.dtype).min  # the sign bit turned over
        audio = audio if wide else audio.astype(np.int16) << 8
        loop = (first >> wide, end >> wide) if 0 <= first < end <= size else None
        sound = one_shot(Recording("", audio, rate, loop), None, looped=bool(mode & PATCH_LOOPED))
        if sound is not None and len(sound):
            yield f"{number:02d}.flac", flac_bytes(sound, rate)


def wad_sounds(content: bytes) -> Sounds:
    """The sound effects of a Doom archive (.wad), by the names of their lumps."""
    kind, lumps, table = struct.unpack_from("<4sII", content)
    if kind not in (b"IWAD", b"PWAD"):
        raise ValueError("it is not a WAD")
    for lump in range(lumps):
        start, size, name = struct.unpack_from("<II8s", content, table + 16 * lump)
        if not name.startswith(b"DS") or size < 8:
            continue
        number, rate, samples = struct.unpack_from("<HHI", content, start)
        if number == WAD_SOUND:
            audio = np.frombuffer(content, "u1", min(samples, size - 8), start + 8)[16:-16]  # padded at both ends
            yield f"{_text(name)}.flac", flac_bytes((audio.astype(np.int16) - 128) << 8, rate)


def catalogue_sounds(content: bytes) -> Sounds:
    """The sounds of OpenTTD (.cat): a table of places and sizes; at each, the length of a name, the name, and a WAV."""
    (table,) = struct.unpack_from("<I", content)
    for number in range((table & 0x7FFFFFFF) // 8):
        start = struct.unpack_from("<I", content, 8 * number)[0] & 0x7FFFFFFF
        sound = content.index(b"RIFF", start)
        (size,) = struct.unpack_from("<I", content, sound + 4)
        name = content[start + 1 : start + 1 + content[start]].rstrip(b"\0")
        title = _text(name).partition('". ')[0].strip('"').replace("/", "-")  # author and licence follow
        yield f"{number:03d} {title}.wav", content[sound : sound + 8 + size]


def group_sounds(content: bytes) -> Sounds:
    """The sounds of a group of OpenClonk (.ocd, .ocg), and of the groups in it."""
    if content[:2] == b"\x1e\x8c":
        content = gzip.decompress(b"\x1f\x8b" + content[2:])
    header = bytearray(byte ^ 237 for byte in content[:GROUP_HEADER])
    for index in range(0, len(header) - 2, 3):
        header[index], header[index + 2] = header[index + 2], header[index]
    if not header.startswith(b"RedWolf Design GrpFolder"):
        raise ValueError("it is not an OpenClonk group")
    (entries,) = struct.unpack_from("<i", header, 36)
    contents = GROUP_HEADER + entries * GROUP_ENTRY.size
    for entry in range(entries):
        field = GROUP_ENTRY.unpack_from(content, GROUP_HEADER + entry * GROUP_ENTRY.size)
        name, child, size, start = _text(field[0]), field[2], field[3], contents + field[5]
        inner = content[start : start + size]
        if child:
            yield from ((f"{name}/{path}", sound) for path, sound in group_sounds(inner))
        elif called_audio(name):
            yield name, inner


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("latin-1").strip()
