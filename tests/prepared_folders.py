"""A prepared dataset that a test made, on disk."""

import csv
import json

import numpy as np

from flowshot.clips.prepared import MANIFEST_COLUMNS


def write_prepared(folder, splits, sample_rate):
    """`splits`: the clips `[n, samples]` of every split. Each clip is a group of its own."""
    folder.mkdir(parents=True)
    rows = []
    for split, clips in splits.items():
        np.save(folder / f"{split}.npy", clips)
        rows += [{"clip": i, "split": split, "group": f"{split}{i}"} for i in range(len(clips))]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    card = {"name": folder.name, "sample_rate": sample_rate, "clip_samples": splits["train"].shape[1]}
    (folder / "dataset.json").write_text(json.dumps(card), encoding="utf-8")
