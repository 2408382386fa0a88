"""Every kind of bad or unusual file ends in the audit with the right word, and the rest of the dataset is prepared."""

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tqdm  # noqa: F401 (imported late by the code; another user may not read this Python's modules)

from corpus.audio_bytes import RATE, SECONDS, encoded, tone
from corpus.kinds import KINDS, Kind, frequency_of
from flowshot.clips.prepared import SPLITS, PreparedDataset, read_prepared
from flowshot.core.sections import to_dict
from flowshot.preparation.duplicates import waveform_correlation
from flowshot.preparation.preparation import audit_folder
from flowshot.preparation.selection import REASONS
from sound_folders import dataset

SOURCE = Path(__file__).parents[2] / "src"
GOOD = {f"good/{number}.wav": 60.0 + 9 * number for number in range(8)}  # and the frequencies of their tones
KEPT = [kind for kind in KINDS if not kind.reason]
MEBIBYTE = 1 << 20
NOBODY = 65534  # a user who owns nothing

# What a stage does, and at its end how much memory it took beyond what importing took.
SCRIPT = """
import json, resource, sys
from pathlib import Path
from flowshot.preparation.config import DatasetConfig, SplitConfig
from flowshot.sources.fetch import fetch
from flowshot.preparation.preparation import prepare

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

values = json.loads(sys.argv[1])
config = DatasetConfig(**{**values, "split": SplitConfig(**values["split"])})
before = peak()
fetch("mine", config, Path("data/raw/mine"))
prepare("mine", config, Path("data/raw/mine"), Path("data/prepared/mine"), 1)
print(peak() - before)
"""


@dataclass(frozen=True)
class Outcome:
    """What preparing the corpus gave: the dataset, its audit by source, and the bytes of memory it took."""

    folder: Path
    dataset: PreparedDataset
    audit: dict[str, dict[str, str]]
    memory: int

    def clip(self, source: str) -> tuple[np.ndarray, dict[str, str]]:
        """The one clip of a file, and its row of the manifest."""
        found = [
            (clip, row)
            for split in SPLITS
            for clip, row in zip(self.dataset.clips(split), self.dataset.rows(split), strict=True)
            if row["source"] == source
        ]
        assert len(found) == 1, f"{len(found)} clips of {source!r}"
        return found[0]


def limits() -> None:
    """A minute of processor time and files of at most 64 MiB: what goes beyond is killed, and the tests fail."""
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * MEBIBYTE, 64 * MEBIBYTE))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The corpus and eight good sounds, prepared by a process of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    sounds = folder / "sounds"
    (sounds / "good").mkdir(parents=True)
    for name, frequency in GOOD.items():
        (sounds / name).write_bytes(encoded(tone(frequency), "WAV", "PCM_16"))
    for kind in KINDS:
        kind.make(sounds / kind.name, frequency_of(kind))
    config = dataset("folder", path=str(sounds), sample_rate=RATE, clip_seconds=SECONDS)
    result = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT, json.dumps(to_dict(config))],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}, preexec_fn=limits,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stderr == "", "what decoders say of bad files is kept away from the terminal"
    prepared = read_prepared(folder / "data/prepared/mine")
    with (prepared.folder / "audit.csv").open(newline="", encoding="utf-8") as file:
        audit = {row["source"]: row for row in csv.DictReader(file)}
    return Outcome(folder, prepared, audit, int(result.stdout))


@pytest.fixture
def without_permission(tmp_path: Path) -> Iterator[Path]:
    """A folder with two files, of which this process may not read `locked.wav`; who is root is somebody else here."""
    folder = Path(tempfile.mkdtemp()) if os.geteuid() == 0 else tmp_path
    folder.chmod(0o755)
    for name, frequency in (("locked.wav", 440.0), ("open.wav", 880.0)):
        (folder / name).write_bytes(encoded(tone(frequency), "WAV", "PCM_16"))
    (folder / "locked.wav").chmod(0)
    try:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            if not os.access(folder / "open.wav", os.R_OK, effective_ids=True):
                pytest.skip("temporary files cannot be read by others on this system")
        yield folder
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
            shutil.rmtree(folder)


def test_a_file_without_permission_is_unreadable_and_others_are_not(without_permission: Path) -> None:
    config = dataset("folder", path=str(without_permission), sample_rate=RATE, clip_seconds=SECONDS)
    rows = {row.source: row.reason for row in audit_folder(without_permission, config, workers=1)}
    assert rows == {"locked.wav": "unreadable", "open.wav": ""}


def name_of(kind: Kind) -> str:
    return ascii(kind.name)[1:40]


def test_the_corpus_has_many_kinds_and_all_reasons() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert sum(bool(kind.reason) for kind in KINDS) >= 40 and len(KEPT) >= 40
    # Those that are no matter of the file alone have tests of their own, see tests/preparation.
    others = {"excluded", "near_duplicate", "same_recording", "too_long", "unreadable_folder"}
    assert {kind.reason for kind in KINDS} - {""} == set(REASONS) - others


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_the_audit_has_the_right_word_for_it(outcome: Outcome, kind: Kind) -> None:
    row = outcome.audit[kind.listed_as]
    assert (row["status"], row["reason"]) == (("dropped", kind.reason) if kind.reason else ("kept", ""))


@pytest.mark.parametrize("kind", KEPT, ids=name_of)
def test_what_is_kept_is_the_sound_that_was_written(outcome: Outcome, kind: Kind) -> None:
    clip, row = outcome.clip(kind.listed_as)
    written = tone(frequency_of(kind)).astype(np.float32)[: round(RATE * (kind.seconds or 0.1))]
    # Encodings that lose something begin a little before their sound.
    assert waveform_correlation(clip[: len(written)], written, RATE) > (0.95 if kind.seconds else 0.85)
    if kind.seconds is not None:
        assert float(row["seconds"]) == pytest.approx(kind.seconds, abs=0.002)
    assert np.isfinite(clip).all() and 0.8 < np.abs(clip).max() <= 1


def test_the_rest_of_the_dataset_is_prepared(outcome: Outcome) -> None:
    for source, frequency in {**GOOD, "directory.wav/inside.wav": dict(known())["directory.wav"]}.items():
        clip, _ = outcome.clip(source)
        assert waveform_correlation(clip, tone(frequency).astype(np.float32), RATE) > 0.99
    assert len(outcome.dataset.manifest) == len(KEPT) + len(GOOD) + 1
    assert set(outcome.audit) == {kind.listed_as for kind in KINDS} | set(GOOD) | {"directory.wav/inside.wav"}


def known() -> list[tuple[str, float]]:
    return [(kind.name, frequency_of(kind)) for kind in KINDS]


def test_memory_is_bounded_though_files_are_not(outcome: Outcome) -> None:
    assert outcome.memory < 100 * MEBIBYTE
    assert max(path.stat().st_size for path in (outcome.folder / "sounds").iterdir() if path.is_file()) >= 2 << 30


def test_nothing_was_unpacked_run_or_followed(outcome: Outcome) -> None:
    """No archive left anything, no pickle made its file, and no link led out of the folder."""
    assert sorted(path.name for path in outcome.folder.iterdir()) == ["data", "sounds"]
    made = {path.relative_to(outcome.folder / "sounds").as_posix() for path in (outcome.folder / "sounds").rglob("*")}
    assert made == {kind.name for kind in KINDS} | {"good", "directory.wav/inside.wav", *GOOD}
    assert not Path("/tmp/escaped.wav").exists()
