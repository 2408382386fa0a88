"""Read the recordings of a SoundFont and which instruments play them.

The format is a RIFF file of fixed records (E-mu Systems, "SoundFont Technical Specification", version 2.04, 2006): the
16-bit samples of all recordings end to end, a header for each, and the zones that lay recordings over the keyboard.
What a synthesizer would do besides (filters, modulation, tuning, the lower 8 bits of a 24-bit file) is passed over.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowshot.core.errors import FlowshotError

PERCUSSION_BANK = 128
# Kinds of generator, the settings of a zone.
INSTRUMENT, KEY_RANGE, SAMPLE, SAMPLE_MODES = 41, 43, 53, 54
# Bits of a sample's type: the channels of a pair, compressed with Vorbis (a later extension), in a sound card's ROM.
RIGHT, LEFT, COMPRESSED, IN_ROM = 0x2, 0x4, 0x10, 0x8000

NAME = ("name", "S20")
BAG, GENERATOR = np.dtype([("generator", "<u2"), ("modulator", "<u2")]), np.dtype([("kind", "<u2"), ("amount", "<u2")])
RECORDS: dict[bytes, np.dtype[np.void]] = {
    b"phdr": np.dtype([NAME, ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("reserved", "<u4", 3)]),
    b"pbag": BAG,
    b"pgen": GENERATOR,
    b"inst": np.dtype([NAME, ("bag", "<u2")]),
    b"ibag": BAG,
    b"igen": GENERATOR,
    b"shdr": np.dtype(
        [NAME, ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4"),
         ("key", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")]
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Zone:
    """A recording laid over some keys of an instrument."""

    instrument: int
    recording: int
    keys: range
    looped: bool


@dataclass(frozen=True)
class Recording:
    """One channel of sound: int16 `[frames]`, and the frames between which it may be repeated, if any."""

    name: str
    audio: np.ndarray
    rate: int  # Hz
    loop: tuple[int, int] | None


@dataclass(frozen=True)
class SoundFont:
    """A whole SoundFont.

    Attributes:
        recordings: by number; None where the file's header of it makes no sense or its audio is elsewhere.
        instruments: their names, by number.
        percussion: the numbers of instruments that some percussion preset uses.
        zones: in the file's order.
        right_of: the number of the right channel, by that of the left, of recordings in stereo.
    """

    recordings: list[Recording | None]
    instruments: list[str]
    percussion: frozenset[int]
    zones: list[Zone]
    right_of: dict[int, int]


def read_soundfont(path: Path) -> SoundFont:
    """Read a SoundFont of version 2; the audio stays on disk until it is used.

    Raises:
        FlowshotError: the file is damaged, no SoundFont, or compressed.
    """
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
        chunks = dict(_chunks(content))
        audio = chunks[b"smpl"][: len(chunks[b"smpl"]) // 2 * 2].view("<i2")
        tables = {name: _records(chunks[name], kind) for name, kind in RECORDS.items()}
        if (tables[b"shdr"]["type"] & COMPRESSED).any():
            raise FlowshotError(f"{path}: is a compressed SoundFont (sf3); name its uncompressed one")
        names = [_text(name) for name in tables[b"inst"]["name"][:-1]]
        zones = list(_zones(tables, len(names), len(tables[b"shdr"]) - 1))
        # Every table ends with a record that only says where the last real one ends.
        recordings = [_recording(header, audio) for header in tables[b"shdr"][:-1]]
        return SoundFont(recordings, names, _percussion(tables), zones, _pairs(tables[b"shdr"][:-1]))
    except (OSError, KeyError, IndexError, ValueError, struct.error) as error:
        raise FlowshotError(f"{path}: no readable SoundFont ({error}); delete it and fetch again") from None


def _chunks(content: np.ndarray) -> Iterator[tuple[bytes, np.ndarray]]:
    """The chunks inside the lists of a RIFF file."""
    if bytes(content[:4]) != b"RIFF" or bytes(content[8:12]) != b"sfbk":
        raise ValueError("it does not begin as one")
    for name, outer in _walk(content[12:]):
        if name == b"LIST":
            yield from _walk(outer[4:])


def _walk(content: np.ndarray) -> Iterator[tuple[bytes, np.ndarray]]:
    position = 0
    while position + 8 <= len(content):
        name, size = struct.unpack("<4sI", bytes(content[position : position + 8]))
        if position + 8 + size > len(content):
            raise ValueError(f"chunk {name!r} ends behind the file")
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _records(chunk: np.ndarray, kind: np.dtype[np.void]) -> np.ndarray:
    records = np.frombuffer(chunk.tobytes(), dtype=kind)
    if len(records) == 0:
        raise ValueError("a table is empty")
    return records


def _zones(tables: dict[bytes, np.ndarray], instruments: int, recordings: int) -> Iterator[Zone]:
    for instrument in range(instruments):
        defaults: dict[int, int] = {}  # a first zone without a sample speaks for all zones of the instrument
        for settings in _settings(tables[b"inst"], tables[b"ibag"], tables[b"igen"], instrument):
            recording = settings.get(SAMPLE)
            if recording is None:
                defaults = defaults or settings
                continue
            if recording >= recordings:
                raise ValueError(f"a zone names recording {recording} of {recordings}")
            merged = defaults | settings
            low, high = (merged.get(KEY_RANGE, 127 << 8) & 0xFF), (merged.get(KEY_RANGE, 127 << 8) >> 8)
            yield Zone(instrument, recording, range(low, min(high, 127) + 1), bool(merged.get(SAMPLE_MODES, 0) & 1))


def _percussion(tables: dict[bytes, np.ndarray]) -> frozenset[int]:
    presets = tables[b"phdr"]
    return frozenset(
        settings[INSTRUMENT]
        for preset in np.flatnonzero(presets["bank"][:-1] == PERCUSSION_BANK)
        for settings in _settings(presets, tables[b"pbag"], tables[b"pgen"], int(preset))
        if INSTRUMENT in settings
    )


def _settings(owners: np.ndarray, bags: np.ndarray, generators: np.ndarray, owner: int) -> Iterator[dict[int, int]]:
    """The generators of each zone of an instrument or preset."""
    for bag in range(int(owners["bag"][owner]), int(owners["bag"][owner + 1])):
        first, behind = int(bags["generator"][bag]), int(bags["generator"][bag + 1])
        yield {int(kind): int(amount) for kind, amount in generators[first:behind]}


def _recording(header: np.void, audio: np.ndarray) -> Recording | None:
    start, end = int(header["start"]), int(header["end"])
    if not 0 <= start < end <= len(audio) or int(header["rate"]) == 0 or int(header["type"]) & IN_ROM:
        return None
    first, behind = int(header["loop_start"]) - start, int(header["loop_end"]) - start
    loop = (first, behind) if 0 <= first < behind <= end - start else None
    return Recording(_text(header["name"]), audio[start:end], int(header["rate"]), loop)


def _pairs(headers: np.ndarray) -> dict[int, int]:
    """The right channel of each left one that has one of the same length and rate.

    A header should name its other channel; where the number makes no pair (there are editors that leave 0), the
    next header is looked at.
    """
    frames = headers["end"].astype(np.int64) - headers["start"]
    pairs: dict[int, int] = {}
    for left in np.flatnonzero(headers["type"] & LEFT):
        for right in (int(headers["link"][left]), int(left) + 1):
            fits = right < len(headers) and headers["type"][right] & RIGHT and right not in pairs.values()
            if fits and frames[right] == frames[left] and headers["rate"][right] == headers["rate"][left]:
                pairs[int(left)] = right
                break
    return pairs


def _text(name: bytes) -> str:
    return bytes(name).partition(b"\0")[0].decode("latin-1").strip()
