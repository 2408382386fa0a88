"""Decide which clips stay, which group each belongs to, and what the audit says of every file."""

import csv
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
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
    "not_audio": "not an audio file, by its name or because it is a folder",
    "linked_folder": "a link to a folder, which is not followed; name the folder itself as `path`",
    "unreadable_folder": "a folder without permission to read; change its permissions, or move it",
    "excluded": "excluded by the catalog or by `exclude`",
    "unreadable": "could not be opened or decoded to its end, or its header makes no sense",
    "unsupported": "audio that is protected, or in an encoding that cannot be decoded; convert it to WAV or FLAC",
    "empty": "holds no samples",
    "not_finite": "holds NaN or infinity",
    "too_short": "shorter than `minimum_seconds`, or with `cut: windows` than one clip",
    "too_long": "holds more samples than a day of mono at 48 kHz; cut it into several files",
    "silent": "its loudest sample lies below `silence_db`",
    "duplicate": "gives the same clips as an earlier file, bit for bit",
    "near_duplicate": "gives the same clips as an earlier file up to gain and differences below -40 dB",
    "same_recording": "an earlier file is the same recording at another level, rate or cut (`near_duplicates: drop`)",
}


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
    note: str = ""  # a remark about a kept file


@dataclass(frozen=True)
class KeptClip:
    """A clip of the dataset, with what the manifest says about it."""

    group: str
    source: str
    member: Membership
    facts: ClipFacts


@dataclass(frozen=True)
class Selection:
    """The clips that stay, in the order of files, the audit of all files, and the number of dropped clips by reason."""

    clips: list[KeptClip]
    audit: list[AuditRow]
    dropped_clips: dict[str, int]


def select(
    files: Sequence[InputFile], members: Sequence[Membership], surveys: Sequence[FileSurvey], config: DatasetConfig
) -> Selection:
    """Drop duplicates, keeping the earliest file, and form groups.

    A dropped copy still ties its group to that of the clip it copies, and clips that sound alike tie theirs too,
    so that no near relative of a test clip is trained on; but not into groups too large to be split. The spools of
    clips are needed as long as `near_duplicates` is `drop`.
    """
    owners = [index for index, found in enumerate(surveys) for _ in found.clips]
    facts = [clip for found in surveys for clip in found.clips]
    groups = Groups()
    for member in members:
        if not member.excluded:
            groups.join(member.keys)
    copies = _copies(facts, config)
    lost: dict[int, tuple[str, str]] = {}  # reason and the file that is repeated, by file
    dropped: Counter[str] = Counter(silent=sum(found.silent_windows for found in surveys))
    for clip, (first, reason) in copies.items():
        groups.join([members[owners[first]].keys[0], members[owners[clip]].keys[0]])
        dropped[reason] += 1
        lost[owners[clip]] = (reason, files[owners[first]].source)
    kept = [clip for clip in range(len(facts)) if clip not in copies]
    _tie_alike(groups, [members[owners[clip]].keys[0] for clip in kept], [facts[clip].spectrum for clip in kept])
    names: dict[Hashable, str] = {}  # a group is named after the first kept file in it
    clips = []
    for clip in kept:
        source, member = files[owners[clip]].source, members[owners[clip]]
        group = names.setdefault(groups[member.keys[0]], source)
        clips.append(KeptClip(group, source, member, facts[clip]))
    with_clips = {owners[clip] for clip in kept}
    audit = [
        _audit_row(file.source, found, index in with_clips, *lost.get(index, ("", "")))
        for index, (file, found) in enumerate(zip(files, surveys, strict=True))
    ]
    return Selection(clips, audit, {reason: count for reason, count in dropped.items() if count})


def split_units(clips: Sequence[KeptClip]) -> list[Group]:
    """The groups of clips with their sizes and strata, by name: of labels, collections and, if they differ, kinds.

    Where kinds differ, each pack's and kind's groups are counted beside its clips: sizes of groups differ a lot there.
    """
    kinds = len({clip.member.kind for clip in clips}) > 1
    strata: dict[str, Counter[Hashable]] = {}
    sizes: Counter[str] = Counter()
    for clip in clips:
        member = clip.member
        sizes[clip.group] += 1
        of_group = strata.setdefault(clip.group, Counter())
        of_group.update([("label", member.label), ("collection", member.collection)])
        if kinds:
            of_group[("kind", member.kind)] += 1
            of_group[("groups of kind", member.kind)] = of_group[("groups of pack", member.pack)] = 1
    return [Group(name, sizes[name], strata[name]) for name in sorted(sizes)]


def write_audit(path: Path, audit: Iterable[AuditRow]) -> None:
    """Write `audit.csv`."""
    rows = ([f"{value:.6f}" if isinstance(value, float) else value for value in astuple(row)] for row in audit)
    write_table(path, [column.name for column in fields(AuditRow)], rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file that any reader takes; names of files that are no valid text are escaped."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.writer(file, lineterminator="\n")
        # Unquoted, a carriage return would end a row for those who read it, but the writer quotes its own end only.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(columns)
        for row in rows:
            (quoted if any("\r" in str(value) for value in row) else table).writerow(row)


def _copies(facts: Sequence[ClipFacts], config: DatasetConfig) -> dict[int, tuple[int, str]]:
    """For each clip that is a copy, the clip that stands for it, and the audit's word for their likeness."""
    waveforms = np.array([clip.waveform for clip in facts], dtype=np.float32).reshape(-1, SKETCH_SIZE)
    exact, near = first_copies([clip.sha256 for clip in facts], waveforms)
    same, standing = near.copy(), np.unique(near)
    if config.near_duplicates == "drop" and len(standing):
        fingerprints = np.stack([facts[clip].fingerprint for clip in standing])
        firsts = same_recordings(
            fingerprints, lambda row: facts[standing[row]].samples(config.clip_samples), config.sample_rate
        )
        same[standing] = standing[firsts]
        same = same[near]
    copies: dict[int, tuple[int, str]] = {}
    # The strictest likeness comes last and gives the word.
    for word, stands_for in (("same_recording", same), ("near_duplicate", near), ("duplicate", exact)):
        copies |= {clip: (int(same[clip]), word) for clip, first in enumerate(stands_for.tolist()) if first != clip}
    return copies


def _tie_alike(groups: Groups, keys: Sequence[Hashable], spectra: Sequence[np.ndarray]) -> None:
    """Join the groups of clips that sound alike, nearest first, as long as the joint group stays small.

    In a dataset of variations on one sound everything is like something else, and following that through would
    leave a single group; a tenth of the clips (of small datasets a quarter) is what one split can still take.
    """
    if len(keys) < 2:
        return
    largest = max(min(len(keys) // 4, 10), len(keys) // 10)
    sizes = Counter(groups[key] for key in keys)
    for one, other in pairs_within(np.stack(spectra), ALIKE):
        first, second = groups[keys[one]], groups[keys[other]]
        if first != second and sizes[first] + sizes[second] <= largest:
            groups.join([first, second])
            sizes[groups[first]] = sizes[first] + sizes[second]


def _audit_row(source: str, found: FileSurvey, kept: bool, lost: str, copy_of: str) -> AuditRow:
    reason = "" if kept else found.reason or lost
    facts = vars(found.facts) if found.facts else dict.fromkeys(("seconds", "sample_rate", "channels"))
    status = "kept" if kept else "dropped"
    return AuditRow(source, status, reason, **facts, copy_of=copy_of if reason == lost else "", note=found.note)
