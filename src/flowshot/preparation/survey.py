"""Read every input file in several processes; clips go to disk at once, only their descriptions stay in memory."""

import hashlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from tqdm import tqdm

from flowshot.core.errors import FlowshotError
from flowshot.preparation.cutting import Clip, read_clips
from flowshot.preparation.duplicates import Sketcher, fingerprint
from flowshot.sources.config import DatasetConfig
from flowshot.sources.decode import AUDIO_SUFFIXES, FileFacts, UnusableAudio, quiet_decoders
from flowshot.sources.grouping import Membership
from flowshot.sources.inputs import InputFile

TASKS_PER_WORKER = 4  # submitted and not yet done; bounds what waits in memory


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
    """Reads files in one process, appending clips to one spool of that process.

    Attributes:
        config: how audio becomes clips.
        spools: the folder for the spool, or None where clips are not needed.
    """

    def __init__(self, config: DatasetConfig, spools: Path | None) -> None:
        self._config, self._sketcher, self._rows = config, Sketcher(config.clip_samples), 0
        self._spools = spools
        self._spool: IO[bytes] | None = None
        self._name = ""

    def __call__(self, file: InputFile) -> FileSurvey:
        """Read one file; see `read_clips`.

        Raises:
            FlowshotError: it vanished or changed since it was listed, or while it was read.
        """
        _require_unchanged(file)
        clips: list[ClipFacts] = []
        try:
            with quiet_decoders():
                facts, silent = read_clips(file.path, self._config, lambda clip: clips.append(self._keep(clip)))
            result = FileSurvey("", facts, tuple(clips), silent)
        except UnusableAudio as problem:
            result = FileSurvey(problem.reason, problem.facts)
        finally:
            if self._spool is not None:
                self._spool.flush()
        _require_unchanged(file)
        return result

    def _keep(self, clip: Clip) -> ClipFacts:
        if self._spools is not None and self._spool is None:
            handle, self._name = tempfile.mkstemp(prefix="clips.", suffix=".f32", dir=self._spools)
            self._spool = os.fdopen(handle, "wb")
        samples = np.ascontiguousarray(clip.samples, dtype="<f4")
        drop = self._config.near_duplicates == "drop"
        facts = ClipFacts(
            clip.start, clip.seconds, hashlib.sha256(samples.data).hexdigest(), self._sketcher.waveform(samples),
            self._sketcher.spectrum(samples),
            fingerprint(samples, self._config.sample_rate) if drop else np.empty(0, dtype=np.float32),
            self._name, self._rows,
        )  # fmt: skip
        if self._spool is not None:
            self._spool.write(samples.data)
            self._rows += 1
        return facts


def survey(
    name: str,
    config: DatasetConfig,
    files: Sequence[InputFile],
    members: Sequence[Membership],
    spools: Path | None,
    workers: int,
) -> list[FileSurvey]:
    """Read all files that are audio and not excluded; one result a file, in the order of `files`.

    Raises:
        FlowshotError: a file changed meanwhile, or a process was killed.
    """
    results: dict[int, FileSurvey] = {}
    wanted: list[int] = []
    for index, (file, member) in enumerate(zip(files, members, strict=True)):
        called_audio = PurePosixPath(file.source).suffix.casefold() in AUDIO_SUFFIXES
        if not called_audio and file.problem != "linked_folder":
            results[index] = FileSurvey("not_audio", None)
        elif member.excluded:
            results[index] = FileSurvey("excluded", None)
        elif file.problem:
            results[index] = FileSurvey(file.problem, None)
        else:
            wanted.append(index)
    read = _read_here if workers == 1 or len(wanted) < 2 * workers else _read_in_processes
    progress = tqdm(total=len(wanted), desc=name, unit="file", disable=None)
    with progress:
        for index, result in read(config, files, wanted, spools, workers):
            results[index] = result
            progress.update()
    return [results[index] for index in range(len(files))]


def _read_here(
    config: DatasetConfig, files: Sequence[InputFile], wanted: Sequence[int], spools: Path | None, workers: int
) -> Iterator[tuple[int, FileSurvey]]:
    reader = Reader(config, spools)
    for index in wanted:
        yield index, reader(files[index])


def _read_in_processes(
    config: DatasetConfig, files: Sequence[InputFile], wanted: Sequence[int], spools: Path | None, workers: int
) -> Iterator[tuple[int, FileSurvey]]:
    # Spawned, not forked: the parent may hold threads, and a fork of those can hang.
    context = multiprocessing.get_context("spawn")
    # Large files first, so that no process is left alone with one at the end.
    queue = sorted(wanted, key=lambda index: -files[index].bytes)
    pending: dict[Future[FileSurvey], int] = {}
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(config, spools)) as pool:
        try:
            for index in queue:
                if len(pending) >= TASKS_PER_WORKER * workers:
                    yield from _finished(pending)
                pending[pool.submit(_read, files[index])] = index
            while pending:
                yield from _finished(pending)
        except BrokenProcessPool:
            raise FlowshotError(
                "preparing: a process that decodes audio was killed, perhaps for want of memory; close other programs, "
                "then run again"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _finished(pending: dict[Future[FileSurvey], int]) -> Iterator[tuple[int, FileSurvey]]:
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        yield pending.pop(future), future.result()


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
