"""What the script of the fine-tuning table learns from and is tested on; the trainings are those of the pipeline."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from flowshot.clips.prepared import MANIFEST_COLUMNS, SPLITS, read_prepared
from prepared_folders import write_prepared

PATH = Path(__file__).parents[2] / "scripts/fine_tuning.py"
SIZES = {"train": 696, "valid": 40, "test": 40}


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("fine_tuning", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def samples(tmp_path):
    """Every clip is its number; every second one belongs to the pack, and four of these form a group."""
    folder = tmp_path / "samples"
    write_prepared(folder, {split: np.arange(size)[:, None] * np.ones(4) for split, size in SIZES.items()}, 4)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {"pack": ("held", "other")[int(row["clip"]) % 2], "group": f"{row['split']}{int(row['clip']) // 8}"}
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return read_prepared(folder)


def test_few_has_200_clips_of_the_pack_and_tests_on_its_others(script, samples, tmp_path):
    script.write_few(samples, "held", tmp_path / "few")
    few = read_prepared(tmp_path / "few")
    assert few.name == "few" and dict(few.manifest.counts) == {"train": 200, "valid": 20, "test": 20 + 148}
    for split in SPLITS:
        assert all(row["pack"] == "held" for row in few.rows(split))
        assert [int(row["clip"]) for row in few.rows(split)] == few.clips(split)[:, 0].tolist()
    assert not set(few.groups("train")) & set(few.groups("test"))
