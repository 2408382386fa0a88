"""The `train` stage, as DVC runs it, where the latent collapses and that is to be an error."""

import csv
import json
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from flowshot.datasets.prepared import MANIFEST_COLUMNS
from flowshot.training.validation import VALIDATION_COLUMNS

ROOT = Path(__file__).parents[2]
SAMPLES = 256


@pytest.fixture
def workplace(tmp_path):
    """A folder with prepared clips and the committed parameters, in which the latent loss is far too dear."""
    prepared = tmp_path / "data/prepared/tones"
    prepared.mkdir(parents=True)
    counts, rows = {"train": 12, "valid": 6, "test": 4}, []
    for seed, (split, count) in enumerate(counts.items()):
        pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
        time = np.arange(SAMPLES)
        np.save(prepared / f"{split}.npy", (0.8 * np.sin(2 * np.pi * pitch * time)).astype(np.float32))
        rows += [{"clip": i, "split": split, "group": f"{split}{i}"} for i in range(count)]
    with (prepared / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    card = {"name": "tones", "sample_rate": 16000, "clip_samples": SAMPLES}
    (prepared / "dataset.json").write_text(json.dumps(card), encoding="utf-8")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    axes = {"name": "tiny", "datasets": ["synth"], "autoencoders": ["dear"], "priors": ["own"], "seeds": [0]}
    params |= {"plan": {**axes, "budget": {"steps": 60, "batch_size": 4}}, "plans": {}}
    params["datasets"]["tones"] = params["datasets"]["synth"]
    params["autoencoder"] |= {"bands": 4, "channels": [8, 8], "strides": [4, 4], "latent_size": 4}
    params["train"] |= {"validate_every": 20, "threads": 1, "on_collapse": "fail", "learning_rate": 0.02}
    params["train"]["loss"] |= {"fft_sizes": [128, 32]}
    params["autoencoders"] = {"dear": {"train": {"beta": 1000.0, "beta_warmup_steps": 0}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return tmp_path


def test_a_collapsed_latent_ends_the_stage_with_its_verdict_and_the_model_stays(workplace):
    paths = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment = {k: v for k, v in os.environ.items() if k not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")} | paths
    command = [sys.executable, str(ROOT / "stages/train.py"), "tones", "dear", "0"]
    result = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("error: tones/dear/0: collapsed: KL ") and "models/tones/dear/0" in line
    assert "Traceback" not in result.stderr and result.stdout == ""
    model = workplace / "models/tones/dear/0"
    names = {"weights.safetensors", "last.safetensors", "config.json", "history.csv", "diagnostics.json"}
    assert {file.name for file in model.iterdir()} == names
    found = json.loads((model / "diagnostics.json").read_text(encoding="utf-8"))
    assert found["verdict"] == "collapsed" and found["reason"] in line
    with (model / "history.csv").open(newline="", encoding="utf-8") as file:
        validated = [row for row in csv.DictReader(file) if row["valid_loss"]]
    assert len(validated) == 3
    assert all(math.isfinite(float(row[name])) for row in validated for name in VALIDATION_COLUMNS)
    with sqlite3.connect(workplace / "mlflow.db") as database:
        kept = dict(database.execute("select key, value from metrics where key like 'training/diagnosis/%'").fetchall())
    for name in ("kl", "mutual_information", "marginal_kl", "active_units", "shuffle_gap"):
        assert kept[f"training/diagnosis/{name}"] == pytest.approx(found[name])
