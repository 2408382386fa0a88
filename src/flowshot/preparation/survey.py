"""Read every input file in several processes; clips go to disk at once, only their descriptions stay in memory."""

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.cutting import Clip, read_clips
from flowshot.preparation.duplicates import fingerprint, sketches
from flowshot.sources.decode import FileFacts, UnusableAudio, quiet_decoders
from flowshot.sources.grouping import Membership
from flowshot.sources.inputs import FOLDER_PROBLEMS, InputFile, called_audio


@dataclass(frozen=True)
class ClipFacts:
    """A clip that was read: where it lies in a spool, and what tells it from others."""

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
    """What reading one file gave: clips, or the audit's word for why there are none."""

    reason: str  # empty where there are clips
    facts: FileFacts | None
    clips: tuple[ClipFacts, ...] = ()
    silent_windows: int = 0


class Reader:
    """Reads files in one process, and appends their clips to one spool in the folder `spools`, if there is one."""

    def __init__(self, config: DatasetConfig, spools: Path | None) -> None:
        self._config, self._rows = config, 0
        self._spool = None if spools is None else spools / f"{os.getpid()}.f32"

    def __call__(self, file: InputFile) -> FileSurvey:
        """Read one file. Raises FlowshotError where it vanished or changed since it was listed."""
        _require_unchanged(file)
        clips: list[ClipFacts] = []
        try:
            with quiet_decoders():
                facts, silent = read_clips(file.path, self._config, lambda clip: clips.append(self._keep(clip)))
            result = FileSurvey("", facts, tuple(clips), silent)
        except UnusableAudio as problem:
            result = FileSurvey(problem.reason, problem.facts)
        _require_unchanged(file)
        return result

    def _keep(self, clip: Clip) -> ClipFacts:
        samples = np.ascontiguousarray(clip.samples, dtype="<f4")
        if self._spool is not None:
            with self._spool.open("ab") as spool:
                spool.write(samples.data)
            self._rows += 1
        drop = self._config.near_duplicates == "drop"
        return ClipFacts(
            clip.start,
            clip.seconds,
            hashlib.sha256(samples.data).hexdigest(),
            *sketches(samples),
            fingerprint(samples, self._config.sample_rate) if drop else np.empty(0, dtype=np.float32),
            str(self._spool or ""),
            self._rows - 1,
        )


def survey(
    name: str, config: DatasetConfig, files: Sequence[InputFile], members: Sequence[Membership],
    spools: Path | None, workers: int,
) -> list[FileSurvey]:  # fmt: skip
    """Read all files that are audio and not excluded; one result a file, in the order of `files`.

    Raises FlowshotError where a file changed meanwhile, or a process was killed.
    """
    results = [_unread(file, member) for file, member in zip(files, members, strict=True)]
    # Large files first, so that no process is left alone with one at the end.
    wanted = sorted((row for row, result in enumerate(results) if result is None), key=lambda row: -files[row].bytes)
    queue = [files[row] for row in wanted]
    if workers == 1 or len(wanted) < 2 * workers:
        found: Iterator[FileSurvey] = map(Reader(config, spools), queue)
    else:
        found = _read_in_processes(config, queue, spools, workers)
    for row, result in zip(wanted, tqdm(found, total=len(wanted), desc=name, unit="file", disable=None), strict=True):
        results[row] = result
    return [result for result in results if result is not None]


def _unread(file: InputFile, member: Membership) -> FileSurvey | None:
    """What is said of a file that need not be read; None of the others."""
    if not called_audio(file.source) and file.problem not in FOLDER_PROBLEMS:
        return FileSurvey("not_audio", None)
    if member.excluded:
        return FileSurvey("excluded", None)
    return FileSurvey(file.problem, None) if file.problem else None


def _read_in_processes(
    config: DatasetConfig, files: Sequence[InputFile], spools: Path | None, workers: int
) -> Iterator[FileSurvey]:
    # Spawned, not forked: the parent may hold threads, and a fork of those can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(config, spools)) as pool:
        try:
            yield from pool.map(_read, files)
        except BrokenProcessPool:
            raise FlowshotError(
                "preparing: a process that decodes audio was killed, perhaps for want of memory, or the calling script "
                'lacks `if __name__ == "__main__":`; close other programs, then run again'
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _require_unchanged(file: InputFile) -> None:
    if file.changed():
        raise FlowshotError(f"{file.path}: vanished or changed while it was being prepared; fetch again, then prepare")


_reader: Reader | None = None  # of this process, where it is one of the pool


def _start(config: DatasetConfig, spools: Path | None) -> None:
    global _reader  # a pool's processes have no other place to keep their open spool
    _reader = Reader(config, spools)


def _read(file: InputFile) -> FileSurvey:
    assert _reader is not None
    return _reader(file)
