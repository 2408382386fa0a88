"""Read every input file in several processes; clips go to disk at once, only their descriptions stay in memory."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.process import in_processes
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.cutting import Clip, read_clips
from flowshot.preparation.duplicates import fingerprint, sketches
from flowshot.sources.decode import FileFacts, UnusableAudio, quiet_decoders
from flowshot.sources.grouping import Membership
from flowshot.sources.inputs import FOLDER_PROBLEMS, InputFile, called_audio
from flowshot.sources.parts import lacks_length

NO_LENGTH = "its header gives no length; read to the end of the file"


@dataclass(frozen=True)
class ClipFacts:
    """A clip that was read: its place in a spool, and its hash and sketches."""

    start: float  # seconds
    seconds: float
    sha256: str  # of the clip's float32 samples, little-endian
    waveform: np.ndarray  # sketch, float32 [16]
    spectrum: np.ndarray  # sketch, float32 [16]
    fingerprint: np.ndarray  # float32; empty where near duplicates are kept
    spool: str  # file that holds the samples; empty where only an audit was asked for
    row: int  # position in the spool, in clips

    def samples(self, clip_samples: int) -> np.ndarray:
        """The clip itself, float32 `[clip_samples]`, read from the spool."""
        return np.fromfile(self.spool, dtype="<f4", count=clip_samples, offset=4 * clip_samples * self.row)


@dataclass(frozen=True)
class FileSurvey:
    """The result of reading one file: clips, or the audit's reason for having none."""

    reason: str  # empty where there are clips
    facts: FileFacts | None
    clips: tuple[ClipFacts, ...] = ()
    silent_windows: int = 0
    note: str = ""  # a remark about a file that gave clips


def survey(
    name: str, config: DatasetConfig, files: Sequence[InputFile], members: Sequence[Membership],
    spools: Path | None, workers: int,
) -> list[FileSurvey]:  # fmt: skip
    """Read all audio files that are not excluded; one result per file, in the order of `files`.

    Each process appends its clips to a spool of its own in the folder `spools`, if there is one.

    Raises FlowshotError if a file changed meanwhile, or a process was killed.
    """
    results = [_unread(file, member) for file, member in zip(files, members, strict=True)]
    # Large files first, so that no process is left alone with one at the end.
    wanted = sorted((row for row, result in enumerate(results) if result is None), key=lambda row: -files[row].bytes)
    read, queue = partial(_read, config, spools), [files[row] for row in wanted]
    found = in_processes(read, queue, 1 if len(queue) < 2 * workers else workers, name, "file")
    for row, result in zip(wanted, found, strict=True):
        results[row] = result
    return [result for result in results if result is not None]


def _unread(file: InputFile, member: Membership) -> FileSurvey | None:
    """The survey of a file that need not be read; None for other files."""
    if not called_audio(file.source) and file.problem not in FOLDER_PROBLEMS:
        return FileSurvey("not_audio", None)
    if member.excluded:
        return FileSurvey("excluded", None)
    return FileSurvey(file.problem, None) if file.problem else None


def _read(config: DatasetConfig, spools: Path | None, file: InputFile) -> FileSurvey:
    clips: list[ClipFacts] = []
    try:
        with quiet_decoders():
            facts, silent = read_clips(file.path, config, lambda clip: clips.append(_keep(config, spools, clip)))
        result = FileSurvey("", facts, tuple(clips), silent, NO_LENGTH if lacks_length(file.path) else "")
    except UnusableAudio as problem:
        result = FileSurvey(problem.reason, problem.facts)
    if file.changed():
        raise FlowshotError(f"{file.path}: was removed or changed while it was prepared; fetch again, then prepare")
    return result


def _keep(config: DatasetConfig, spools: Path | None, clip: Clip) -> ClipFacts:
    samples = np.ascontiguousarray(clip.samples, dtype="<f4")
    spool, row = "", 0
    if spools is not None:
        path = spools / f"{os.getpid()}.f32"
        with path.open("ab") as file:
            spool, row = str(path), file.tell() // samples.nbytes
            file.write(samples.data)
    drop = config.near_duplicates == "drop"
    prints = fingerprint(samples, config.sample_rate) if drop else np.empty(0, dtype=np.float32)
    sha256 = hashlib.sha256(samples.data).hexdigest()
    return ClipFacts(clip.start, clip.seconds, sha256, *sketches(samples), prints, spool, row)
