"""A small prepared dataset, arms of it, and the stages that score them."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from defaults import default
from flowshot.clips.held_out import NamedClips
from flowshot.scoring.config import ScoreConfig

ROOT = Path(__file__).parents[2]
RATE, SAMPLES = 8000, 2000
ALL = default(ScoreConfig, "score", embeddings=["logmel"], folds=5, resamples=99)
LOGMEL = replace(ALL, metrics=("fad", "kid"))
PAIRED = ["mrstft", "log_spectral_distance", "si_sdr", "envelope_correlation"]


def sounds(n: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(SAMPLES) / RATE
    tones = np.sin(2 * np.pi * generator.uniform(80, 2000, (n, 1)) * time) * np.exp(
        -time * generator.uniform(5, 40, (n, 1))
    )
    return (0.8 * tones).astype(np.float32)


def prepare(folder: Path, sizes: dict[str, int]) -> None:
    """A prepared dataset as the stage `prepare` writes it, two clips a group."""
    folder.mkdir(parents=True)
    rows = []
    for seed, (split, n) in enumerate(sizes.items()):
        np.save(folder / f"{split}.npy", sounds(n, seed))
        rows += [{"clip": f"{split}{i}", "split": split, "group": f"{split} {i // 2}"} for i in range(n)]
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["clip", "split", "group"])
        writer.writeheader()
        writer.writerows(rows)
    card = {"name": "toy", "source": "folder", "sample_rate": RATE, "clip_samples": SAMPLES}
    (folder / "dataset.json").write_text(json.dumps(card))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for every test, so that no cache is shared."""
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path / "data/prepared/toy", {"train": 8, "valid": 16, "test": 30})
    return tmp_path


def named(clips: np.ndarray, what: str) -> NamedClips:
    """Clips called `clip i`, each of the source `what i`."""
    numbers = range(len(clips))
    return NamedClips(clips, [f"clip {i}" for i in numbers], [f"{what} {i}" for i in numbers])


def write_arm(prior: str, clips: np.ndarray) -> None:
    folder = Path("generated/toy/no_nf") / prior / "0"
    folder.mkdir(parents=True)
    np.save(folder / "clips.npy", clips)


def run_stage(name: str, *arguments: str, on_bad_clip: str = "fail") -> subprocess.CompletedProcess:
    params = (ROOT / "params.yaml").read_text()
    params = params.replace("\ndatasets:\n", "\ndatasets:\n  toy: { <<: *clips, source: synth }\n")
    params = params.replace("[yamnet, logmel]", "[logmel]").replace("on_bad_clip: fail", f"on_bad_clip: {on_bad_clip}")
    Path("params.yaml").write_text(params)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "stages" / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def metrics_of(path: str) -> dict[str, dict]:
    return {entry["metric"]: entry for entry in json.loads(Path(path).read_text())}
