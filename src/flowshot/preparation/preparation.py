"""Prepare a dataset: fetched audio becomes three arrays of clips, a manifest, an audit and a card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from flowshot.clips.prepared import FEWEST_HELD_OUT, MANIFEST_COLUMNS, SPLITS, Split
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.process import warn
from flowshot.core.process import workers as usable_cores
from flowshot.core.randomness import numpy_generator
from flowshot.core.sections import to_dict
from flowshot.preparation.card import card_text
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.selection import AuditRow, KeptClip, Selection, select, split_units, write_audit, write_table
from flowshot.preparation.splits import files_needed, split_groups
from flowshot.preparation.survey import FileSurvey, survey
from flowshot.sources.catalog import EXTENDS, PACKAGES
from flowshot.sources.grouping import Membership, matches_nothing, memberships
from flowshot.sources.inputs import InputFile, input_files, list_files


def prepare(name: str, config: DatasetConfig, raw_folder: Path, out_folder: Path, workers: int) -> None:
    """Write `out_folder` from what `fetch` wrote, whole or not at all, the same for any number of workers.

    The result does not depend on where the sounds lie. Memory is bounded by the descriptions of clips (some hundred
    bytes each), not by their audio: the processes append clips to spools, from which the arrays are written row by row.

    Raises:
        FlowshotError: the fetched data is missing or changed, gives no clip, or too few groups to split.
    """
    raw_card, files = input_files(name, config, raw_folder)
    where = config.path or str(raw_folder)
    # The files of the dataset that this one extends come first: they stay where others are copies of them.
    files = sorted(files, key=lambda file: not _is_original(config, file.source))
    members = _members(f"datasets.{name}", config, files)
    with writing(out_folder), whole_folder(out_folder) as fresh:
        spools = fresh / "spools"
        spools.mkdir()
        surveys = survey(name, config, files, members, spools, workers)
        fixed = _fixed_splits(config, files, members, surveys, where)
        selection = select(files, members, surveys, config, fixed)
        _require_clips(config, selection, where)
        chosen = _chosen(config, selection, where)
        if config.held_out == "original":
            selection = _held_out_of_the_original(config, selection, chosen)
        splits = _assign(config, selection, chosen)
        _require_enough_to_score(config, splits, where)
        for split in SPLITS:
            _write_array(fresh / f"{split}.npy", splits[split], config.clip_samples)
        rmtree(spools)
        _write_manifest(fresh / "manifest.csv", splits)
        write_audit(fresh / "audit.csv", selection.audit)
        card = _card(name, config, raw_card, selection, splits)
        write_json(fresh / "dataset.json", card)
        (fresh / "card.md").write_text(card_text(card), encoding="utf-8", errors="backslashreplace")


def audit_folder(folder: Path, config: DatasetConfig, workers: int | None = None) -> list[AuditRow]:
    """What `prepare` would keep or drop of a folder, and why; nothing is written.

    Raises:
        FlowshotError: the folder does not exist or cannot be read.
    """
    files = list_files(folder)
    members = _members(str(folder), config, files)
    with TemporaryDirectory() as temporary:
        # Clips are looked at again only to find the same recordings.
        spools = Path(temporary) if config.near_duplicates == "drop" else None
        surveys = survey(folder.name, config, files, members, spools, workers or usable_cores())
        return select(files, members, surveys, config).audit


def _members(where: str, config: DatasetConfig, files: Sequence[InputFile]) -> list[Membership]:
    for line in matches_nothing(files, exclude=config.exclude, group=config.group):
        warn(f"{where}: {line}")
    return memberships(config.source, files, config.exclude, config.group)


def _require_clips(config: DatasetConfig, selection: Selection, where: str) -> None:
    if selection.clips:
        return
    reasons = Counter(row.reason for row in selection.audit)
    if not reasons:
        raise FlowshotError(f"{where}: holds no files; put audio there, then fetch and prepare again")
    longest = max((row.seconds or 0 for row in selection.audit if row.reason == "too_short"), default=0.0)
    if longest and config.cut == "windows" and not reasons["silent"]:
        raise FlowshotError(
            f"{where}: clip_seconds {config.clip_seconds:g} is longer than every file (the longest lasts "
            f"{longest:.3g} s); lower clip_seconds, or use `cut: file`"
        )
    found = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    silent = "lower silence_db, or add other files"
    remedy = silent if reasons["silent"] else "add files in wav, flac, ogg, opus, mp3 or aiff"
    raise FlowshotError(f"{where}: no usable audio in {len(selection.audit)} files ({found}); {remedy}")


def _require_enough_to_score(config: DatasetConfig, splits: dict[Split, list[KeptClip]], where: str) -> None:
    counts = {split: len(clips) for split, clips in splits.items()}
    if min(counts["valid"], counts["test"]) < FEWEST_HELD_OUT:
        raise FlowshotError(
            f"{where}: {counts['valid']} clips for validation and {counts['test']} for test, but scoring needs at "
            f"least {FEWEST_HELD_OUT}; add files (with this `split` about {files_needed(config.split)} that may be "
            "separated), or change `split`"
        )


def _is_original(config: DatasetConfig, source: str) -> bool:
    """Whether a file, named by its `source`, belongs to the dataset that this one extends."""
    packages = PACKAGES.get(EXTENDS.get(config.source, ""), ())
    return source.partition("/")[0] in {package.collection for package in packages}


def _fixed_splits(
    config: DatasetConfig,
    files: Sequence[InputFile],
    members: Sequence[Membership],
    surveys: Sequence[FileSurvey],
    where: str,
) -> dict[str, str]:
    """The splits that files have in the dataset which this one extends, by source.

    A model trained on the larger dataset can then be scored on the test split of the smaller one: what is in that
    split, or is like it, is not trained on. The smaller one's splits are decided by its own files alone, just as where
    it is prepared by itself under the same settings (with `near_duplicates: keep`); then the groups of the added files
    go to the splits of what they are like, and the others fill up what is left.
    """
    original = [row for row in zip(files, members, surveys, strict=True) if _is_original(config, row[0].source)]
    if not original:
        return {}
    alone = replace(config, near_duplicates="keep")
    its_files, its_members, its_surveys = (list(column) for column in zip(*original, strict=True))
    selection = select(its_files, its_members, its_surveys, alone)
    chosen = _chosen(alone, selection, where)
    return {clip.source: chosen[clip.group] for clip in selection.clips}


def _chosen(config: DatasetConfig, selection: Selection, where: str) -> dict[str, Split]:
    generator = numpy_generator(config.seed, "prepare", "split")
    try:
        return split_groups(split_units(selection.clips), config.split, generator, selection.fixed)
    except FlowshotError as error:
        raise FlowshotError(f"{where}: {error}") from None


def _held_out_of_the_original(config: DatasetConfig, selection: Selection, chosen: Mapping[str, Split]) -> Selection:
    """The selection without the added clips that `chosen` puts outside of training.

    What is trained on more clips is then judged by those that the smaller dataset is judged by.
    """
    clips = [c for c in selection.clips if chosen[c.group] == "train" or _is_original(config, c.source)]
    kept = {clip.source for clip in clips}
    audit = [
        replace(row, status="dropped", reason="held_out") if row.status == "kept" and row.source not in kept else row
        for row in selection.audit
    ]
    left_out = len(selection.clips) - len(clips)
    return replace(selection, clips=clips, audit=audit, dropped_clips=selection.dropped_clips | {"held_out": left_out})


def _assign(config: DatasetConfig, selection: Selection, chosen: Mapping[str, Split]) -> dict[Split, list[KeptClip]]:
    """The clips of each split, shuffled, so that the first n of a split are a random n."""
    splits: dict[Split, list[KeptClip]] = {}
    for split in SPLITS:
        clips = [clip for clip in selection.clips if chosen[clip.group] == split]
        order = numpy_generator(config.seed, "prepare", "order", split).permutation(len(clips))
        splits[split] = [clips[index] for index in order]
    return splits


def _write_array(path: Path, clips: Sequence[KeptClip], clip_samples: int) -> None:
    """Write clips from their spools as a float32 `.npy` `[clips, samples]`, one at a time."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(clips), clip_samples)}
    size = clip_samples * 4
    with ExitStack() as stack, path.open("wb") as file:
        spools = {name: stack.enter_context(Path(name).open("rb")) for name in {clip.facts.spool for clip in clips}}
        np.lib.format.write_array_header_1_0(file, header)
        for clip in clips:
            spool = spools[clip.facts.spool]
            spool.seek(clip.facts.row * size)
            file.write(spool.read(size))


def _write_manifest(path: Path, splits: dict[Split, list[KeptClip]]) -> None:
    clips = [(split, clip) for split in SPLITS for clip in splits[split]]
    write_table(
        path,
        MANIFEST_COLUMNS,
        (
            (number, split, clip.group, clip.source, f"{clip.facts.start:.6f}", f"{clip.facts.seconds:.6f}",
             clip.label, clip.facts.sha256)
            for number, (split, clip) in enumerate(clips)
        ),
    )  # fmt: skip


def _card(
    name: str,
    config: DatasetConfig,
    raw_card: dict[str, Any],
    selection: Selection,
    splits: dict[Split, list[KeptClip]],
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
        "packages": raw_card.get("packages", []),
        "counts": {
            "clips": {split: len(splits[split]) for split in SPLITS},
            "groups": {split: len({clip.group for clip in splits[split]}) for split in SPLITS},
            "files": {"kept": len(kept), "dropped": dict(sorted(dropped.items()))},
            "dropped_clips": selection.dropped_clips,
        },
        "sound_seconds": round(sum(clip.facts.seconds for clip in selection.clips), 3),
        "source_seconds": round(sum(row.seconds or 0 for row in kept), 3),
        "config": settings,
    }
