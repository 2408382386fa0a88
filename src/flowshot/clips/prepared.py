"""Read a prepared dataset; memory does not grow with the number of clips."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file

FACTORS = "factors.csv"  # in a prepared set whose factors of variation are known
PREPARED = Path("data/prepared")

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
FEWEST_HELD_OUT = 2  # clips for validation, and for testing: fewer cannot be compared with anything
MANIFEST_COLUMNS = ("clip", "split", "group", "source", "start", "seconds", "label", "sha256", "pack", "kind")


@dataclass(frozen=True)
class Manifest:
    """The rows of `manifest.csv`, read from the file whenever they are asked for; `counts` is their number by split."""

    path: Path
    counts: Mapping[str, int]

    def __iter__(self) -> Iterator[dict[str, str]]:
        with self.path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def __len__(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class PreparedDataset:
    """A folder that the `prepare` stage wrote.

    `card` is `dataset.json`: at least `name, source, sample_rate, clip_samples, licence, origin, counts`.
    `manifest` has one row a clip; within a split, row i describes clip i of the split's array.
    """

    folder: Path
    card: dict[str, Any]
    manifest: Manifest

    @property
    def name(self) -> str:
        """The dataset's name in params.yaml."""
        return str(self.card["name"])

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.card["sample_rate"])

    @property
    def clip_samples(self) -> int:
        """Length of every clip in samples."""
        return int(self.card["clip_samples"])

    def clips(self, split: Split) -> np.ndarray:
        """The clips of a split, float32 `[clips, samples]` in [-1, 1], memory-mapped and read-only."""
        return np.load(self.folder / f"{split}.npy", mmap_mode="r", allow_pickle=False)

    def rows(self, split: Split) -> list[dict[str, str]]:
        """The manifest rows of a split, in the order of its clips."""
        return [row for row in self.manifest if row["split"] == split]

    def groups(self, split: Split) -> list[str]:
        """The group of each clip, which must stay in one split (its track, its instrument)."""
        return [row["group"] for row in self.rows(split)]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that identify this dataset: its card, and its manifest with the hash of every clip."""
        return self.folder / "dataset.json", self.folder / "manifest.csv"

    @contextmanager
    def required_unchanged(self) -> Iterator[None]:
        """Raise FlowshotError at the end of the block where the dataset was replaced by another one meanwhile."""
        before = self._contents()
        yield
        if self._contents() != before:
            raise FlowshotError(
                f"{self.folder}: changed while this ran, so the result was discarded; run `dvc repro` to start again"
            )

    def _contents(self) -> list[str | None]:
        return [sha256_of_file(path) if path.is_file() else None for path in self.files]


def read_prepared(folder: Path | str) -> PreparedDataset:
    """Open a prepared dataset. Raises FlowshotError if it is missing, incomplete or inconsistent."""
    folder = Path(folder)
    try:
        card = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        counts = Counter(row["split"] for row in Manifest(folder / "manifest.csv", {}))
        dataset = PreparedDataset(folder, card, Manifest(folder / "manifest.csv", counts))
        found = {split: dataset.clips(split).shape for split in SPLITS}
        expected = {split: (dataset.manifest.counts[split], dataset.clip_samples) for split in SPLITS}
        _ = dataset.name, dataset.sample_rate
    except (OSError, EOFError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise FlowshotError(
            f"{folder}: no prepared dataset ({type(error).__name__}: {error}); run `dvc repro prepare@{folder.name}`"
        ) from None
    for split in SPLITS:
        if found[split] != expected[split]:
            raise FlowshotError(
                f"{folder}: {split}.npy has shape {found[split]}, but manifest.csv and dataset.json say "
                f"{expected[split]}; run `dvc repro --force prepare@{folder.name}`"
            )
    return dataset
