"""Folders of audio as sets of clips, and prepared datasets as the reference that the plan's arms meet."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from flowshot.cli.terminal import counted
from flowshot.clips.held_out import NamedClips, reference_clips
from flowshot.clips.prepared import PreparedDataset
from flowshot.core.errors import FlowshotError
from flowshot.core.randomness import numpy_generator
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.cutting import Excerpt, read_excerpt
from flowshot.preparation.selection import REASONS
from flowshot.scoring.config import ScoreConfig
from flowshot.sources.decode import UnusableAudio, quiet_decoders
from flowshot.sources.inputs import InputFile, list_files


class AudioFiles(NamedTuple):
    """The files below a folder that are audio by their names, and the names of the others."""

    folder: str
    audio: list[InputFile]
    others: list[str]


class Drawn(NamedTuple):
    """A clip, its place in the set that it was drawn from, what it is called, and its source."""

    place: int
    excerpt: Excerpt
    name: str
    group: str


@dataclass(frozen=True)
class AudioSet:
    """Clips in the order in which they were drawn, why other files could not be decoded, and what the report says."""

    drawn: list[Drawn]
    unusable: dict[str, str]
    facts: dict[str, Any]

    def first(self, n: int) -> NamedClips:
        """The first `n` draws, in the order of the set."""
        chosen = sorted(self.drawn[:n])
        clips = np.stack([each.excerpt.audio for each in chosen])
        return NamedClips(clips, [each.name for each in chosen], [each.group for each in chosen])


def audio_files(folder: str) -> AudioFiles:
    """List a folder. Raises FlowshotError if it is missing or holds fewer than 2 audio files."""
    files = list_files(Path(folder).expanduser().absolute())
    audio = [file for file in files if file.is_audio]
    if len(audio) < 2:
        raise FlowshotError(f"{folder}: holds {len(audio)} audio files, but a comparison needs at least 2; add audio")
    return AudioFiles(folder, audio, sorted({file.source for file in files} - {file.source for file in audio}))


def decoded(
    what: str, files: Sequence[InputFile], sample_rate: int, samples: int
) -> Iterator[tuple[Path, Excerpt | str]]:
    """Each file with its beginning, or with the reason why it cannot be decoded."""
    for file in counted(files, what, "file"):
        found: Excerpt | str
        try:
            with quiet_decoders():
                found = read_excerpt(file.path, sample_rate, samples)
        except UnusableAudio as problem:
            found = f"{problem.reason} ({REASONS[problem.reason]})"
        yield file.path, found


def read_set(
    role: str, listed: AudioFiles, most: int, config: DatasetConfig, scoring: ScoreConfig, seed: int
) -> AudioSet:
    """Decode every file, so that none can hide that it is damaged; of those that can be, `most` are drawn by `seed`.

    Raises:
        FlowshotError: a file cannot be decoded, unless `scoring.on_bad_clip` is to skip; names it.
    """
    order = numpy_generator(seed, "score", role).permutation(len(listed.audio)).tolist()
    files = decoded(role, [listed.audio[place] for place in order], config.sample_rate, config.clip_samples)
    drawn: list[Drawn] = []
    unusable: dict[str, str] = {}
    for place, (path, found) in zip(order, files, strict=True):
        name = str(path.resolve())
        if not isinstance(found, str):
            drawn += [Drawn(place, found, name, name)] if len(drawn) < most else []
        elif scoring.on_bad_clip == "fail":
            raise FlowshotError(f"{path}: {found}; repair or remove it, or score with --on-bad-clip skip")
        else:
            unusable[name] = found
    facts = {"folder": listed.folder, "files": len(listed.audio), "not_audio": listed.others}
    return AudioSet(drawn, unusable, facts)


def described(role: str, each: AudioSet, n: int, config: DatasetConfig) -> dict[str, Any]:
    """The facts of a set, and how many of `n` draws were cut or padded; also said on standard error."""
    used = [one.excerpt for one in each.drawn[:n]]
    facts = each.facts | {name: sum(getattr(one, name) for one in used) for name in ("cut", "padded")}
    files, bad = facts["files"], len(each.unusable)
    for count, what in (
        (len(facts["not_audio"]), "files are skipped because their names have no audio suffix"),
        (files - bad - n, f"of {files} files are left out, so that both sets have {n}"),
        (bad, f"of {files} files cannot be decoded and are skipped"),
        (facts["cut"], f"of {n} files are longer than {config.clip_seconds:g} s; only their beginning is used"),
        (facts["padded"], f"of {n} files are shorter than {config.clip_seconds:g} s and are padded with silence"),
    ):
        if count:
            print(f"{role}: {count} {what}", file=sys.stderr)
    return facts


def held_out_set(prepared: PreparedDataset, seed: int) -> AudioSet:
    """The test clips that every arm of the plan is compared with, in an order drawn by `seed`."""
    held_out = reference_clips(prepared)
    order = numpy_generator(seed, "score", "reference").permutation(len(held_out.names)).tolist()
    drawn = [
        Drawn(i, Excerpt(held_out.clips[i], False, False), f"test clip {i} of {prepared.name}", held_out.groups[i])
        for i in order
    ]
    return AudioSet(drawn, {}, {"folder": str(prepared.folder), "files": len(drawn), "not_audio": []})
