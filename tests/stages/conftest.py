"""A tiny project in which the `train` stage runs as DVC runs it."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from flowshot.clips.prepared import MANIFEST_COLUMNS

ROOT = Path(__file__).parents[2]
SAMPLES = 256


@pytest.fixture
def tone_project(tmp_path, tone_project_at):
    """Makes a folder with prepared tones and the committed parameters, in which one model is tiny."""
    return functools.partial(tone_project_at, tmp_path)


@pytest.fixture(scope="session")
def tone_project_at():
    """As `tone_project`, in a folder that is given; one that holds such a project gets other parameters."""

    def make(folder, name, entry, budget, **training):
        if not (folder / "data").exists():
            _prepare_tones(folder / "data/prepared/tones")
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        axes = {"name": "tiny", "datasets": ["synth"], "autoencoders": [name], "generators": []}
        axes |= {"priors": ["own"], "seeds": [0]}
        generators = params["generators"]
        if name in generators:
            axes |= {"autoencoders": [], "generators": [name]}
        params |= {"plan": {**axes, "budget": budget, "clips": 6}, "plans": {}}
        params["datasets"]["tones"] = params["datasets"]["synth"]
        params["autoencoder"] |= {"bands": 4, "channels": [8, 8], "strides": [4, 4], "latent_size": 4}
        params["train"] |= {"threads": 1, **training}
        # Others may name channels of their own, which do not go with these strides.
        params["autoencoders"] = {} if name in generators else {name: entry}
        params["generators"] = {name: generators[name] | entry} if name in generators else {}
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        return folder

    return make


@pytest.fixture(scope="session")
def start_stage():
    """Starts `stages/SCRIPT.py tones WORDS` in a folder, in a process of its own, of which MLflow hears nothing."""

    def start(folder, script, *words, checkpoint_seconds=None, **variables):
        paths = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "FLOWSHOT_TRACKING": "later", **variables}
        if checkpoint_seconds is not None:
            paths["FLOWSHOT_CHECKPOINT_SECONDS"] = str(checkpoint_seconds)
        environment = {k: v for k, v in os.environ.items() if k not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")} | paths
        command = [sys.executable, str(ROOT / f"stages/{script}.py"), "tones", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=folder, env=environment, **pipes)

    return start


@pytest.fixture(scope="session")
def start_train_stage(start_stage):
    """Starts `stages/train.py tones NAME 0` in a folder, in a process of its own."""
    return lambda folder, name, **settings: start_stage(folder, "train", name, "0", **settings)


@pytest.fixture(scope="session")
def killed():
    """Starts a stage and kills it after so many seconds, earlier where it had ended by then; the project it was in."""

    def kill(start, projects, seconds):
        for folder in projects:
            process = start(folder)
            time.sleep(seconds)
            process.kill()
            if process.wait() == -signal.SIGKILL:
                states = len(list((folder / ".flowshot").rglob("state.pt")))
                print(f"killed after {seconds:.2f} s, {states} state kept")
                return folder
            seconds *= 0.8
        raise AssertionError("always too late")

    return kill


@pytest.fixture
def train_stage(start_train_stage):
    """Runs `stages/train.py tones NAME 0` in a folder to its end."""

    def run(folder, name):
        process = start_train_stage(folder, name)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def _prepare_tones(folder):
    folder.mkdir(parents=True)
    counts, rows = {"train": 12, "valid": 6, "test": 4}, []
    for seed, (split, count) in enumerate(counts.items()):
        pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
        tones = 0.8 * np.sin(2 * np.pi * pitch * np.arange(SAMPLES))
        np.save(folder / f"{split}.npy", tones.astype(np.float32))
        rows += [{"clip": i, "split": split, "group": f"{split}{i}"} for i in range(count)]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    card = {"name": "tones", "sample_rate": 16000, "clip_samples": SAMPLES}
    (folder / "dataset.json").write_text(json.dumps(card), encoding="utf-8")
