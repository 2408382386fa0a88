"""Prepare a dataset: fetched audio becomes three arrays of clips, a manifest, an audit and a card."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from flowshot.clips.prepared import FACTORS, FEWEST_HELD_OUT, MANIFEST_COLUMNS, SPLITS, Split
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.process import warn
from flowshot.core.process import workers as usable_cores
from flowshot.core.randomness import numpy_generator
from flowshot.core.sections import to_dict
from flowshot.core.templates import templates
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.selection import (
    REASONS,
    AuditRow,
    KeptClip,
    Selection,
    select,
    split_units,
    write_audit,
    write_table,
)
from flowshot.preparation.splits import files_needed, split_groups
from flowshot.preparation.survey import survey
from flowshot.sources.grouping import Membership, matches_nothing, memberships
from flowshot.sources.inputs import InputFile, input_files, list_files, user_folder

Splits = dict[Split, list[KeptClip]]


def prepare(name: str, config: DatasetConfig, raw_folder: Path, out_folder: Path, workers: int) -> None:
    """Write `out_folder` from what `fetch` wrote, whole or not at all, the same for any number of workers.

    The result does not depend on where the sounds lie. Memory is bounded by the descriptions of clips (some hundred
    bytes each), not by their audio: the processes append clips to spools, from which the arrays are written row by row.

    Raises:
        FlowshotError: the fetched data is missing or changed, gives no clip, or too few groups to split.
    """
    raw_card, files = input_files(name, config, raw_folder)
    where = config.path or str(raw_folder)
    members = _members(f"datasets.{name}", config, files)
    with writing(out_folder), whole_folder(out_folder) as fresh:
        spools = fresh / "spools"
        spools.mkdir()
        selection = select(files, members, survey(name, config, files, members, spools, workers), config)
        splits = _splits(config, selection, where)
        for split, clips in splits.items():
            _write_array(fresh / f"{split}.npy", clips, config.clip_samples)
        rmtree(spools)
        rows = [(split, clip) for split, clips in splits.items() for clip in clips]
        write_table(
            fresh / "manifest.csv",
            MANIFEST_COLUMNS,
            (
                (number, split, clip.group, clip.source, f"{clip.facts.start:.6f}", f"{clip.facts.seconds:.6f}",
                 clip.member.label, clip.facts.sha256, clip.member.pack, clip.member.kind)
                for number, (split, clip) in enumerate(rows)
            ),
        )  # fmt: skip
        write_audit(fresh / "audit.csv", selection.audit)
        factors = raw_folder / "audio/parameters.csv"
        if config.source == "synth" and factors.is_file():  # what varies in the synthesizer's clips is known
            copyfile(factors, fresh / FACTORS)
        card = _card(name, config, raw_card, selection, splits)
        write_json(fresh / "dataset.json", card)
        (fresh / "card.md").write_text(_card_text(card), encoding="utf-8", errors="backslashreplace")


def audit_folder(folder: Path, config: DatasetConfig, workers: int | None = None) -> list[AuditRow]:
    """Which files of a folder `prepare` would keep or drop, and why; nothing is written.

    Raises FlowshotError if the folder does not exist or cannot be read.
    """
    files = list_files(folder)
    members = _members(str(folder), config, files)
    with TemporaryDirectory() as temporary:
        # Clips are looked at again only to find the same recordings.
        spools = Path(temporary) if config.near_duplicates == "drop" else None
        surveys = survey(folder.name, config, files, members, spools, workers or usable_cores())
        return select(files, members, surveys, config).audit


def check_folder(name: str, config: DatasetConfig) -> None:
    """Warn of patterns that match nothing in the user's folder of the dataset `name`.

    Raises FlowshotError if the folder is missing, empty, or has too few files to be scored.
    """
    if config.source != "folder":
        return
    folder = user_folder(config)
    files = list_files(folder)
    if not files:
        raise FlowshotError(f"{folder}: holds no files; put audio there, or name another folder in datasets.{name}")
    _members(f"datasets.{name}", config, files)
    audio, needed = sum(file.is_audio for file in files), files_needed(config.split)
    if config.cut == "file" and audio < needed:
        raise FlowshotError(
            f"{folder}: holds {audio} audio files, but with this `split` at least {needed} are needed, so that "
            f"validation and test have {FEWEST_HELD_OUT} clips each to score; add files, or change `split` of {name}"
        )


def _members(where: str, config: DatasetConfig, files: Sequence[InputFile]) -> list[Membership]:
    for line in matches_nothing(files, exclude=config.exclude, group=config.group):
        warn(f"{where}: {line}")
    return memberships(config.source, files, config.exclude, config.group)


def _splits(config: DatasetConfig, selection: Selection, where: str) -> Splits:
    """The clips of each split, shuffled, so that the first n of a split are a random n."""
    if not selection.clips:
        raise FlowshotError(f"{where}: {_why_no_clips(config, selection.audit)}")
    try:
        generator = numpy_generator(config.seed, "prepare", "split")
        chosen = split_groups(split_units(selection.clips), config.split, generator)
    except FlowshotError as error:
        raise FlowshotError(f"{where}: {error}") from None
    splits: Splits = {}
    for split in SPLITS:
        clips = [clip for clip in selection.clips if chosen[clip.group] == split]
        order = numpy_generator(config.seed, "prepare", "order", split).permutation(len(clips))
        splits[split] = [clips[index] for index in order]
    counts = {split: len(clips) for split, clips in splits.items()}
    if min(counts["valid"], counts["test"]) < FEWEST_HELD_OUT:
        raise FlowshotError(
            f"{where}: {counts['valid']} clips for validation and {counts['test']} for test, but scoring needs at "
            f"least {FEWEST_HELD_OUT}; add files (with this `split` about {files_needed(config.split)} of "
            "different groups), or change `split`"
        )
    return splits


def _why_no_clips(config: DatasetConfig, audit: Sequence[AuditRow]) -> str:
    reasons = Counter(row.reason for row in audit)
    if not reasons:
        return "holds no files; put audio there, then fetch and prepare again"
    longest = max((row.seconds or 0 for row in audit if row.reason == "too_short"), default=0.0)
    if longest and config.cut == "windows" and not reasons["silent"]:
        return (
            f"clip_seconds {config.clip_seconds:g} is longer than every file (the longest lasts {longest:.3g} s); "
            "lower clip_seconds, or use `cut: file`"
        )
    found = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    silent = "lower silence_db, or add other files"
    remedy = silent if reasons["silent"] else "add files in wav, flac, ogg, opus, mp3 or aiff"
    return f"no usable audio in {len(audit)} files ({found}); {remedy}"


def _write_array(path: Path, clips: Sequence[KeptClip], clip_samples: int) -> None:
    """Write clips from their spools as a float32 `.npy` `[clips, samples]`, one at a time."""
    # Not mapped into memory: a full disk would end the process there, and raises OSError here.
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(clips), clip_samples)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for clip in clips:
            file.write(clip.facts.samples(clip_samples).data)


def _card(
    name: str, config: DatasetConfig, raw_card: dict[str, Any], selection: Selection, splits: Splits
) -> dict[str, Any]:
    kept = [row for row in selection.audit if row.status == "kept"]
    dropped = Counter(row.reason for row in selection.audit if row.status == "dropped")
    settings = to_dict(config)
    del settings["path"]  # where sounds lie decides nothing that is learned from them
    return {
        "name": name,
        "source": config.source,
        "sample_rate": config.sample_rate,
        "clip_samples": config.clip_samples,
        "licence": raw_card["licence"],
        "origin": raw_card["origin"],
        "incomplete": raw_card.get("incomplete", []),
        "packages": [
            {key: pack[key] for key in ("pack", "kind", "licence", "origin")} | package
            for pack in raw_card.get("packs", [])
            for package in pack["packages"]
        ],
        "counts": {
            "clips": {split: len(clips) for split, clips in splits.items()},
            "groups": {split: len({clip.group for clip in clips}) for split, clips in splits.items()},
            "files": {"kept": len(kept), "dropped": dict(sorted(dropped.items()))},
            "dropped_clips": selection.dropped_clips,
            "packs": _counts(splits, "pack"),
            "kinds": _counts(splits, "kind"),
        },
        "sound_seconds": round(sum(clip.facts.seconds for clip in selection.clips), 3),
        "source_seconds": round(sum(row.seconds or 0 for row in kept), 3),
        "config": settings,
    }


def _counts(splits: Splits, column: Literal["pack", "kind"]) -> dict[str, dict[str, Any]]:
    """Clips, groups and minutes of sound of each pack or kind, by split."""
    found: dict[str, dict[str, Any]] = {}
    for split, clips in splits.items():
        parts: dict[str, list[KeptClip]] = {}
        for clip in clips:
            parts.setdefault(getattr(clip.member, column), []).append(clip)
        for name, part in sorted(parts.items()):
            if name:
                row = found.setdefault(name, {"clips": {}, "groups": {}, "minutes": {}})
                row["clips"][split] = len(part)
                row["groups"][split] = len({clip.group for clip in part})
                row["minutes"][split] = round(sum(clip.facts.seconds for clip in part) / 60, 2)
    return dict(sorted(found.items()))


def _card_text(card: dict[str, Any]) -> str:
    """`dataset.json` as Markdown: origin, licences, what was kept and dropped, and how clips were made."""
    template = templates(Path(__file__).parent, keep_trailing_newline=True).get_template("card.md.jinja")
    return template.render(card=card, counts=card["counts"], reasons=REASONS)
