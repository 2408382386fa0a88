import csv
import json
import shutil

import numpy as np
import pytest

from flowshot.clips.prepared import MANIFEST_COLUMNS, SPLITS, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder

COUNTS = {"train": 5, "valid": 3, "test": 2}
SAMPLES = 40


def clips(split):
    return np.random.default_rng(len(split)).uniform(-1, 1, (COUNTS[split], SAMPLES)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """A prepared dataset whose manifest mixes the splits, as nothing forbids."""
    folder = tmp_path / "mine"
    folder.mkdir()
    card = {"name": "mine", "source": "folder", "sample_rate": 8000, "clip_samples": SAMPLES}
    (folder / "dataset.json").write_text(json.dumps(card))
    rows = [
        dict.fromkeys(MANIFEST_COLUMNS, "") | {"clip": str(index), "split": split, "group": f"{split} {index // 2}"}
        for index in range(max(COUNTS.values()))
        for split in SPLITS
        if index < COUNTS[split]
    ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    for split in SPLITS:
        np.save(folder / f"{split}.npy", clips(split))
    return folder


def error_of(folder):
    with pytest.raises(FlowshotError) as caught:
        read_prepared(folder)
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message and f"prepare@{folder.name}" in message
    return message


def test_clips_come_with_their_rows_in_their_order(folder):
    dataset = read_prepared(str(folder))
    assert (dataset.name, dataset.sample_rate, dataset.clip_samples) == ("mine", 8000, SAMPLES)
    for split in SPLITS:
        assert (dataset.clips(split) == clips(split)).all()
        assert [row["clip"] for row in dataset.rows(split)] == [str(index) for index in range(COUNTS[split])]
        assert dataset.groups(split) == [f"{split} {index // 2}" for index in range(COUNTS[split])]


def test_clips_are_memory_mapped_and_cannot_be_changed(folder):
    mapped = read_prepared(folder).clips("train")
    assert isinstance(mapped, np.memmap)
    with pytest.raises(ValueError):
        mapped[0, 0] = 1


def test_the_manifest_is_read_anew_and_knows_its_length(folder):
    manifest = read_prepared(folder).manifest
    assert len(manifest) == sum(COUNTS.values()) == len(list(manifest)) == len(list(manifest))
    assert dict(manifest.counts) == COUNTS


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    error_of(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["dataset.json", "manifest.csv", "train.npy", "valid.npy", "test.npy"])
@pytest.mark.parametrize("damage", ["missing", "empty", "halved", "binary", "a folder"])
def test_a_damaged_file_is_one_line(folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "halved": content[: len(content) // 2], "binary": b"\xff\xfe\x00\x80"}[damage])
    error_of(folder)


def test_a_count_that_differs_from_the_manifest_is_named(folder):
    np.save(folder / "valid.npy", clips("valid")[:1])
    message = error_of(folder)
    assert "valid.npy has shape (1, 40)" in message and "(3, 40)" in message


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"name": "mine"}', '{"name": "mine", "sample_rate": "fast"}'])
def test_a_card_that_does_not_say_what_the_clips_are_is_one_line(folder, text):
    (folder / "dataset.json").write_text(text)
    error_of(folder)


def test_a_manifest_of_other_columns_is_one_line(folder):
    (folder / "manifest.csv").write_text("clip,part\n0,train\n")
    error_of(folder)


@pytest.mark.parametrize("array", [np.float32(1), np.zeros(5, np.float32), np.zeros((5, SAMPLES - 1), np.float32)])
def test_arrays_of_another_shape_are_one_line(folder, array):
    np.save(folder / "train.npy", array)
    error_of(folder)


def test_nothing_is_unpickled(folder):
    np.save(folder / "train.npy", np.array([{"code": 1}] * 5, dtype=object), allow_pickle=True)
    error_of(folder)


def prepared_again(folder, change=lambda fresh: None):
    """Replaced as a whole, as `prepare` does it."""
    with whole_folder(folder) as fresh:
        shutil.copytree(folder, fresh, dirs_exist_ok=True)
        change(fresh)


def other_manifest(folder):
    text = (folder / "manifest.csv").read_text()
    (folder / "manifest.csv").write_text(text.replace("train 0", "train 9"))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: prepared_again(folder, other_manifest),
        shutil.rmtree,
    ],
    ids=["other clips", "gone"],
)
def test_a_dataset_that_changes_while_it_is_read_is_one_line(folder, change):
    dataset = read_prepared(folder)
    with pytest.raises(FlowshotError, match="mine: changed while this ran"), dataset.required_unchanged():
        change(folder)


@pytest.mark.parametrize("change", [lambda folder: None, prepared_again], ids=["left alone", "the same again"])
def test_a_dataset_that_is_the_same_again_is_none_that_changed(folder, change):
    dataset = read_prepared(folder)
    read = dataset.clips("train")
    with dataset.required_unchanged():
        change(folder)
    np.testing.assert_array_equal(read, clips("train"))
