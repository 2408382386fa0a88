"""Turn a SoundFont into one-shots: a file for each recording, `family/instrument/recording.flac`.

A family is what must share a split; the instrument's folder, `drums` for those of drum kits, gives the label.

Recordings are taken as they are, without a synthesizer, so that the result depends on no version of one. Only what a
synthesizer would repeat for as long as a key is held has no end of its own; it is given one here.
"""

import re
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.sources.decode import HIGHEST_RATE, LOWEST_RATE
from flowshot.sources.grouping import Groups
from flowshot.sources.soundfont import Recording, SoundFont, Zone, read_soundfont

HELD_SECONDS = 0.5  # a looped recording that is shorter is repeated this long before the key is released
RELEASE_SECONDS = 0.5  # in which it then falls by RELEASE_DB, exponentially
RELEASE_DB = 60.0
WAVETABLE_SECONDS = 0.1  # a looped recording that is shorter is a few periods of a wave, and no recorded sound
DRUMS = "drums"
# What may stand in a name of a file on every system.
UNSAFE = re.compile(r"[^A-Za-z0-9 #&'()+,.=@_-]+")


def write_one_shots(path: Path, folder: Path) -> list[Path]:
    """Write the one-shots of a SoundFont as 16-bit FLAC below `folder`; returns their paths.

    Raises:
        FlowshotError: the file is no SoundFont that can be read.
    """
    font = read_soundfont(path)
    families = _families(font)
    zones: dict[int, list[Zone]] = {}
    for zone in font.zones:
        zones.setdefault(zone.recording, []).append(zone)
    written = []
    for number, (family, instrument) in families.items():
        recording = font.recordings[number]
        assert recording is not None
        audio = one_shot(recording, _right(font, number), looped=_looped(font, zones[number]))
        if audio is not None:
            file = folder / family / instrument / f"{number:04d} {_safe(recording.name)}.flac"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(flac_bytes(audio, recording.rate))
            written.append(file)
    return written


def one_shot(recording: Recording, right: Recording | None, *, looped: bool) -> np.ndarray | None:
    """A recording, with its right channel if it has one, as int16 `[frames, channels]`; None where it is a wave table.

    A looped one is played to the end of its loop and on through the loop until HELD_SECONDS, then released.
    """
    channels = [recording.audio] if right is None else [recording.audio, right.audio]
    if not looped or recording.loop is None:
        return np.stack(channels, axis=1)
    if len(recording.audio) < WAVETABLE_SECONDS * recording.rate:
        return None
    first, behind = recording.loop
    held = max(behind, round(HELD_SECONDS * recording.rate))
    release = round(RELEASE_SECONDS * recording.rate)
    frames = np.arange(held + release)
    frames = np.where(frames < behind, frames, first + (frames - behind) % (behind - first))
    gain = np.ones(len(frames))
    gain[held:] = 10 ** (-RELEASE_DB / 20 * np.arange(1, release + 1) / release)
    played = np.stack([channel[frames] for channel in channels], axis=1)
    return np.rint(played * gain[:, None]).astype(np.int16)


def _families(font: SoundFont) -> dict[int, tuple[str, str]]:
    """Family and instrument of each recording that is played at all, by its number; right channels are left out.

    All key zones and velocity layers of an instrument are one family, and instruments that share a recording are too.
    A drum kit is an instrument with another sound on every key: there only the layers of one key are a family.
    """
    groups = Groups()
    left_of = {right: left for left, right in font.right_of.items() if _right(font, left) is not None}
    used: dict[int, tuple[str, str]] = {}
    for zone in font.zones:
        recording = font.recordings[zone.recording]
        if recording is None or not LOWEST_RATE <= recording.rate <= HIGHEST_RATE:
            continue
        drum = zone.instrument in font.percussion
        owners: list[Hashable] = (
            [("key", zone.instrument, key) for key in zone.keys] if drum else [("instrument", zone.instrument)]
        )
        groups.join([("recording", zone.recording), *owners])
        if zone.recording in left_of:
            groups.join([("recording", zone.recording), ("recording", left_of[zone.recording])])
        else:
            instrument = _safe(font.instruments[zone.instrument])
            used.setdefault(zone.recording, (_safe(recording.name), DRUMS) if drum else (instrument, instrument))
    folders: dict[Hashable, str] = {}
    taken: set[str] = set()
    families = {}
    for number in sorted(used):
        root = groups.find(("recording", number))
        if root not in folders:
            folders[root] = _untaken(used[number][0], taken)
        families[number] = (folders[root], used[number][1])
    return families


def _right(font: SoundFont, number: int) -> Recording | None:
    return font.recordings[font.right_of[number]] if number in font.right_of and font.recordings[number] else None


def _looped(font: SoundFont, zones: Sequence[Zone]) -> bool:
    """Whether an instrument can only play it looped. Drums are struck and not held."""
    return all(zone.looped and zone.instrument not in font.percussion for zone in zones)


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name).strip(" .") or "unnamed"


def _untaken(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where another family has it already; case does not tell names apart."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(free.casefold())
    return free
