"""Turn a SoundFont into one-shots: a file for each recording, `family/instrument/recording.flac`.

A family is what must share a split; the instrument's folder, `drums` for those of drum kits, gives the label.

The format is a RIFF file of fixed records (E-mu Systems, "SoundFont Technical Specification", version 2.04, 2006): the
16-bit samples of all recordings end to end, a header for each, and the zones that lay recordings over the keyboard.
Recordings are taken as they are, without a synthesizer (its filters, modulation and tuning, and the lower 8 bits of a
24-bit file), so that the result depends on no version of one. Only what a synthesizer would repeat for as long as a key
is held has no end of its own; it is given one here.
"""

import re
import struct
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.core.errors import FlowshotError
from flowshot.sources.decode import HIGHEST_RATE, LOWEST_RATE
from flowshot.sources.grouping import Groups

HELD_SECONDS = 0.5  # a looped recording that is shorter is repeated this long before the key is released
RELEASE_SECONDS = 0.5  # in which it then falls by RELEASE_DB, exponentially
RELEASE_DB = 60.0
WAVETABLE_SECONDS = 0.1  # a looped recording that is shorter is a few periods of a wave, and no recorded sound
DRUMS = "drums"
# What may stand in a name of a file on every system.
UNSAFE = re.compile(r"[^A-Za-z0-9 #&'()+,.=@_-]+")

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
    """A whole SoundFont; recordings and instruments are counted from 0."""

    recordings: dict[int, Recording]  # without those whose header makes no sense or whose audio is elsewhere
    instruments: list[str]  # their names
    percussion: frozenset[int]  # the instruments that some percussion preset uses
    zones: list[Zone]  # of these recordings
    right_of: dict[int, int]  # the right channel, by the left, of recordings in stereo


def write_one_shots(path: Path, folder: Path) -> None:
    """Write the one-shots of a SoundFont as 16-bit FLAC below `folder`.

    Raises FlowshotError if the file is no SoundFont that can be read.
    """
    font = read_soundfont(path)
    # Looped is what every instrument plays so; drums are struck and not held.
    plain = {zone.recording for zone in font.zones if not zone.looped or zone.instrument in font.percussion}
    for number, (family, instrument) in _families(font).items():
        recording = font.recordings[number]
        right = font.recordings[font.right_of[number]] if number in font.right_of else None
        audio = one_shot(recording, right, looped=number not in plain)
        if audio is not None:
            file = folder / family / instrument / f"{number:04d} {safe_name(recording.name)}.flac"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(flac_bytes(audio, recording.rate))


def one_shot(recording: Recording, right: Recording | None, *, looped: bool) -> np.ndarray | None:
    """A recording, with its right channel if it has one, as int16 `[frames, channels]`; None if it is a wave table.

    A looped one is played to the end of its loop and on through the loop until HELD_SECONDS, then released.
    """
    channels = [recording.audio] if right is None else [recording.audio, right.audio]
    if not looped or recording.loop is None:
        return np.stack(channels, axis=1)
    if len(recording.audio) < WAVETABLE_SECONDS * recording.rate:
        return None
    first, last = recording.loop
    held = max(last, round(HELD_SECONDS * recording.rate))
    release = round(RELEASE_SECONDS * recording.rate)
    frames = np.arange(held + release)
    frames = np.where(frames < last, frames, first + (frames - last) % (last - first))
    gain = np.ones(len(frames))
    gain[held:] = 10 ** (-RELEASE_DB / 20 * np.arange(1, release + 1) / release)
    played = np.stack([channel[frames] for channel in channels], axis=1)
    return np.rint(played * gain[:, None]).astype(np.int16)


def read_soundfont(path: Path) -> SoundFont:
    """Read a SoundFont of version 2; the audio stays on disk until it is used.

    Raises FlowshotError if the file is damaged, no SoundFont, or compressed.
    """
    try:
        chunks = dict(_chunks(np.memmap(path, dtype=np.uint8, mode="r")))
        audio = chunks[b"smpl"][: len(chunks[b"smpl"]) // 2 * 2].view("<i2")
        tables = {name: np.frombuffer(chunks[name].tobytes(), kind) for name, kind in RECORDS.items()}
        if not all(map(len, tables.values())):
            raise ValueError("a table is empty")
        if (tables[b"shdr"]["type"] & COMPRESSED).any():
            raise FlowshotError(f"{path}: is a compressed SoundFont (sf3); name its uncompressed one")
        # Every table ends with a record that only says where the last real one ends.
        headers, names = tables[b"shdr"][:-1], [_text(name) for name in tables[b"inst"]["name"][:-1]]
        percussion = frozenset(
            settings[INSTRUMENT]
            for preset in np.flatnonzero(tables[b"phdr"]["bank"][:-1] == PERCUSSION_BANK)
            for settings in _settings(tables[b"phdr"], tables[b"pbag"], tables[b"pgen"], int(preset))
            if INSTRUMENT in settings
        )
        found = ((number, _recording(header, audio)) for number, header in enumerate(headers))
        recordings = {number: recording for number, recording in found if recording is not None}
        zones = [zone for zone in _zones(tables, len(names), len(headers)) if zone.recording in recordings]
        right_of = {left: right for left, right in _pairs(headers).items() if {left, right} <= recordings.keys()}
        return SoundFont(recordings, names, percussion, zones, right_of)
    except (OSError, KeyError, IndexError, ValueError, struct.error) as error:
        raise FlowshotError(f"{path}: no readable SoundFont ({error}); delete it and fetch again") from None


def _chunks(content: np.ndarray) -> Iterator[tuple[bytes, np.ndarray]]:
    """The chunks inside the lists of a RIFF file."""
    if bytes(content[:4]) != b"RIFF" or bytes(content[8:12]) != b"sfbk":
        raise ValueError("its beginning is wrong")
    for name, outer in _walk(content[12:]):
        if name == b"LIST":
            yield from _walk(outer[4:])


def _walk(content: np.ndarray) -> Iterator[tuple[bytes, np.ndarray]]:
    position = 0
    while position + 8 <= len(content):
        name, size = struct.unpack("<4sI", bytes(content[position : position + 8]))
        if position + 8 + size > len(content):
            raise ValueError(f"chunk {name!r} ends after the end of the file")
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


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


def _settings(owners: np.ndarray, bags: np.ndarray, generators: np.ndarray, owner: int) -> Iterator[dict[int, int]]:
    """The generators of each zone of an instrument or preset."""
    for bag in range(int(owners["bag"][owner]), int(owners["bag"][owner + 1])):
        first, last = int(bags["generator"][bag]), int(bags["generator"][bag + 1])
        yield {int(kind): int(amount) for kind, amount in generators[first:last]}


def _recording(header: np.void, audio: np.ndarray) -> Recording | None:
    start, end, rate = int(header["start"]), int(header["end"]), int(header["rate"])
    if not start < end <= len(audio) or not LOWEST_RATE <= rate <= HIGHEST_RATE or int(header["type"]) & IN_ROM:
        return None
    first, last = int(header["loop_start"]) - start, int(header["loop_end"]) - start
    loop = (first, last) if 0 <= first < last <= end - start else None
    return Recording(_text(header["name"]), audio[start:end], rate, loop)


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


def _families(font: SoundFont) -> dict[int, tuple[str, str]]:
    """Family and instrument of each recording that is played at all, by its number; right channels are left out.

    All key zones and velocity layers of an instrument are one family, and instruments that share a recording are too.
    A drum kit is an instrument with another sound on every key: there only the layers of one key are a family.
    """
    groups = Groups()
    left_of = {right: left for left, right in font.right_of.items()}
    used: dict[int, tuple[str, str]] = {}
    for zone in font.zones:
        drum = zone.instrument in font.percussion
        owners: list[Hashable] = (
            [("key", zone.instrument, key) for key in zone.keys] if drum else [("instrument", zone.instrument)]
        )
        groups.join([("recording", zone.recording), *owners])
        if zone.recording in left_of:
            groups.join([("recording", zone.recording), ("recording", left_of[zone.recording])])
        else:
            name = safe_name(font.recordings[zone.recording].name if drum else font.instruments[zone.instrument])
            used.setdefault(zone.recording, (name, DRUMS if drum else name))
    folders: dict[Hashable, str] = {}
    taken: set[str] = set()
    families = {}
    for number in sorted(used):
        root = groups["recording", number]
        if root not in folders:
            name, copies = used[number][0], 1
            folders[root] = name
            while folders[root].casefold() in taken:  # case does not tell names apart
                copies += 1
                folders[root] = f"{name} ({copies})"
            taken.add(folders[root].casefold())
        families[number] = (folders[root], used[number][1])
    return families


def safe_name(name: str) -> str:
    """The name without characters that a file system may reject; never empty, `.` or `..`."""
    return UNSAFE.sub("_", name).strip(" .") or "unnamed"
