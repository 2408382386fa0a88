"""Decide which clips stay, which group each belongs to, and what the audit says of every file."""

import csv
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.duplicates import ALIKE, SKETCH_SIZE, first_copies, pairs_within, same_recordings
from flowshot.preparation.splits import Group
from flowshot.preparation.survey import ClipFacts, FileSurvey
from flowshot.sources.grouping import Groups, Membership
from flowshot.sources.inputs import InputFile

# Every word that may stand in the audit's column `reason`, and what it means.
REASONS = {
    "not_audio": "no audio file, by its name or because it is a folder",
    "linked_folder": "a link to a folder, which is not followed; name the folder itself as `path`",
    "unreadable_folder": "a folder that may not be read; change its permissions, or move it away",
    "excluded": "excluded by the catalog or by `exclude`",
    "unreadable": "could not be opened, or not decoded to its end, or its header makes no sense",
    "empty": "holds no samples",
    "not_finite": "holds NaN or infinity",
    "too_short": "shorter than `minimum_seconds`, or with `cut: windows` than one clip",
    "too_long": "holds more samples than a day of mono at 48 kHz; cut it into several files",
    "silent": "its loudest sample lies below `silence_db`",
    "duplicate": "gives the same clips as an earlier file, bit for bit",
    "near_duplicate": "gives the same clips as an earlier file up to gain and differences below -40 dB",
    "same_recording": "an earlier file is the same recording at another level, rate or cut (`near_duplicates: drop`)",
    "held_out": "would be held out, where `held_out: original` keeps that to the clips of the smaller dataset",
}
# The order in which a new group is tied to groups that have their split: what is like clips of two is held out.
HELD_OUT_FIRST = ("test", "valid", None, "train")


@dataclass(frozen=True)
class AuditRow:
    """What happened to one input file; `seconds`, `sample_rate` and `channels` are None where it was not decoded."""

    source: str
    status: str  # kept | dropped
    reason: str  # empty where kept, else one of REASONS
    seconds: float | None
    sample_rate: int | None
    channels: int | None
    copy_of: str = ""  # the kept file that a duplicate of any kind repeats


@dataclass(frozen=True)
class KeptClip:
    """A clip of the dataset, with what the manifest says about it."""

    group: str
    source: str
    label: str
    collection: str
    facts: ClipFacts


@dataclass(frozen=True)
class Selection:
    """The clips that stay, in the order of files, the audit of every file, and how many clips were dropped why."""

    clips: list[KeptClip]
    audit: list[AuditRow]
    dropped_clips: dict[str, int]
    fixed: dict[str, str] = field(default_factory=dict)  # groups that have their split already, by name


def select(
    files: Sequence[InputFile],
    members: Sequence[Membership],
    surveys: Sequence[FileSurvey],
    config: DatasetConfig,
    fixed: Mapping[str, str] | None = None,
) -> Selection:
    """Drop duplicates and form groups.

    A dropped copy still ties its group to that of the clip it copies, and clips that sound alike tie theirs too,
    so that no near relative of a test clip is trained on; but not into groups too large to be split.

    Args:
        files: where two are copies, the earlier one stays.
        members: of each file.
        surveys: of each file; the spools of clips are there as long as `near_duplicates` is `drop`.
        config: of the dataset.
        fixed: the split of files (by source) that have theirs. Groups of different splits are never joined.
    """
    flat = [(index, clip) for index, found in enumerate(surveys) for clip in found.clips]
    waveforms = np.array([clip.waveform for _, clip in flat], dtype=np.float32).reshape(-1, SKETCH_SIZE)
    exact, near = first_copies([clip.sha256 for _, clip in flat], waveforms)
    same = near if config.near_duplicates == "keep" else _same(near, [clip for _, clip in flat], config)
    groups = Groups({("file", source): split for source, split in (fixed or {}).items()})
    for member in members:
        if not member.excluded:
            groups.join(member.keys)
    kept = np.flatnonzero(same == np.arange(len(flat))).tolist()
    lost: dict[int, tuple[str, str]] = {}
    copies: list[tuple[Hashable, Hashable]] = []
    dropped: Counter[str] = Counter(silent=sum(found.silent_windows for found in surveys))
    for position in np.flatnonzero(same != np.arange(len(flat))).tolist():
        index, original = flat[position][0], flat[same[position]][0]
        copies.append((members[index].keys[0], members[original].keys[0]))
        reason = "near_duplicate" if near[position] != position else "same_recording"
        reason = "duplicate" if exact[position] != position else reason
        dropped[reason] += 1
        lost[index] = (reason, files[original].source)
    for pair in _held_out_first(groups, copies):
        groups.join(pair)
    _tie_alike(groups, [(members[flat[position][0]].keys[0], flat[position][1]) for position in kept])
    with_clips = {flat[position][0] for position in kept}
    names = _group_names(groups, files, members, with_clips)
    clips = [
        KeptClip(names[row], files[row].source, members[row].label, members[row].collection, facts)
        for row, facts in (flat[position] for position in kept)
    ]
    audit = [
        _audit_row(file, found, row in with_clips, lost.get(row, ("", "")))
        for row, (file, found) in enumerate(zip(files, surveys, strict=True))
    ]
    places = {name: place for row, name in names.items() if (place := groups.place(members[row].keys[0])) is not None}
    return Selection(clips, audit, {reason: count for reason, count in dropped.items() if count}, places)


def split_units(clips: Iterable[KeptClip]) -> list[Group]:
    """The groups of clips with their sizes and strata, by name."""
    strata: dict[str, Counter[Hashable]] = {}
    sizes: Counter[str] = Counter()
    for clip in clips:
        sizes[clip.group] += 1
        strata.setdefault(clip.group, Counter()).update([("label", clip.label), ("collection", clip.collection)])
    return [Group(name, sizes[name], strata[name]) for name in sorted(sizes)]


def write_audit(path: Path, audit: Iterable[AuditRow]) -> None:
    """Write `audit.csv`."""
    write_table(
        path,
        [column.name for column in fields(AuditRow)],
        (
            (row.source, row.status, row.reason, "" if row.seconds is None else f"{row.seconds:.6f}",
             row.sample_rate, row.channels, row.copy_of)
            for row in audit
        ),
    )  # fmt: skip


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with one line a row, whatever the names of files in it are."""
    # backslashreplace: a file's name need not be valid text, but its row must be written.
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.writer(file, lineterminator="\n")
        # Unquoted, a carriage return would end a row for those who read it, but the writer quotes its own end only.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(columns)
        for row in rows:
            (quoted if any("\r" in str(value) for value in row) else table).writerow(row)


def _same(near: np.ndarray, clips: Sequence[ClipFacts], config: DatasetConfig) -> np.ndarray:
    """`near`, where clips that stand for themselves may now be copies of others by their fingerprints."""
    standing = np.flatnonzero(near == np.arange(len(near)))
    if len(standing) == 0:
        return near
    same = near.copy()
    fingerprints = np.stack([clips[position].fingerprint for position in standing])

    def waveform(index: int) -> np.ndarray:
        return clips[standing[index]].samples(config.clip_samples)

    same[standing] = standing[same_recordings(fingerprints, waveform, config.sample_rate)]
    return same[same]


def _held_out_first(groups: Groups, ties: Iterable[tuple[Hashable, Hashable]]) -> list[tuple[Hashable, Hashable]]:
    """Ties to groups of the test split, then to those of validation, then the rest; otherwise in their order."""

    def rank(tie: tuple[Hashable, Hashable]) -> int:
        return min((HELD_OUT_FIRST.index(place) for key in tie if (place := groups.place(key)) is not None), default=2)

    return sorted(ties, key=rank)


def _tie_alike(groups: Groups, clips: Sequence[tuple[Hashable, ClipFacts]]) -> None:
    """Join the groups of clips that sound alike, nearest first, as long as the joint group stays small.

    In a dataset of variations on one sound everything is like something else, and following that through would
    leave a single group; a tenth of the clips (of small datasets a quarter) is what one split can still take.
    """
    if len(clips) < 2:
        return
    largest = max(min(len(clips) // 4, 10), len(clips) // 10)
    sizes = Counter(groups.find(key) for key, _ in clips)
    near = pairs_within(np.stack([facts.spectrum for _, facts in clips]), ALIKE)
    for one, other in _held_out_first(groups, [(clips[one][0], clips[other][0]) for one, other in near]):
        first, second = groups.find(one), groups.find(other)
        joint = sizes[first] + sizes[second]
        if first != second and joint <= largest and groups.join([first, second]):
            sizes[groups.find(first)] = joint


def _group_names(
    groups: Groups, files: Sequence[InputFile], members: Sequence[Membership], kept: set[int]
) -> dict[int, str]:
    """Each kept file's group, named after the first kept file in it."""
    first: dict[Hashable, str] = {}
    names = {}
    for index in sorted(kept):
        root = groups.find(members[index].keys[0])
        names[index] = first.setdefault(root, files[index].source)
    return names


def _audit_row(file: InputFile, found: FileSurvey, kept: bool, lost: tuple[str, str]) -> AuditRow:
    reason = "" if kept else found.reason or lost[0]
    copy_of = lost[1] if reason == lost[0] else ""
    status = "kept" if kept else "dropped"
    if found.facts is None:
        return AuditRow(file.source, status, reason, None, None, None, copy_of)
    facts = found.facts
    return AuditRow(file.source, status, reason, facts.seconds, facts.sample_rate, facts.channels, copy_of)
