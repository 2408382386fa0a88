import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from flowshot.cli.main import main

REPOSITORY = Path(__file__).parents[2]
RATE, SECONDS = 8000, 0.25


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """Starting processes and threads would take longer than all the work of these tests."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)


@pytest.fixture
def write_sounds():
    """Writes decaying tones of different pitch into a folder, as WAV."""

    def write(folder, count=3, *, rate=RATE, seconds=SECONDS, pitch=200):
        folder.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(rate * seconds)) / rate
        for index in range(count):
            tone = 0.5 * np.sin(2 * np.pi * (pitch + 37 * index) * time) * np.exp(-time * (8 + index % 7))
            soundfile.write(folder / f"{chr(97 + index % 26)} tone {index}.wav", tone, rate)
        return folder

    return write


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current folder: holds the real params.yaml with a plan of one autoencoder on the folder `sounds`."""
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    axes = {
        "name": "tiny",
        "datasets": ["mine"],
        "autoencoders": ["no_nf"],
        "generators": [],
        "priors": ["own", "gmm"],
        "seeds": [3, 4],
    }
    params["plan"] = {**axes, "budget": {"steps": 1, "batch_size": 1}, "clips": 6}
    params["plans"] = {}  # they name other datasets
    params["fit_prior"]["gmm"] |= {"components": 2, "iterations": 5}
    clips = {**params["clips"], "sample_rate": RATE, "clip_seconds": SECONDS}
    params["datasets"] = {"mine": {**clips, "source": "folder", "path": "sounds"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def flowshot(capsys):
    """Runs the command in this process; returns exit status, standard output and standard error."""

    def run(*arguments):
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def found(flowshot):
    """The one JSON object that a call with --json must print."""

    def run(*arguments):
        status, out, err = flowshot(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    return run


@pytest.fixture
def fails(flowshot):
    """The one line of a call that must fail, which also prints nothing on standard output."""

    def run(*arguments):
        status, out, err = flowshot(*arguments)
        assert status == 1 and out == "", (status, out, err)
        *before, line = err.splitlines()
        assert line.startswith("error: ") and not any(other.startswith("error: ") for other in before)
        assert "Traceback" not in err
        return line

    return run


@pytest.fixture
def save_vae(project):
    """Saves a tiny untrained VAE as `models/mine/no_nf/<seed>` and returns it."""
    import torch

    from flowshot.models.autoencoders.vae.model import KIND
    from flowshot.models.autoencoders.vae.vae import VAE
    from flowshot.models.base.kind import ModelCard, save_model
    from tiny_vae import tiny_config

    def save(seed=3, *, rate=RATE, dataset="mine"):
        torch.manual_seed(seed)
        config = tiny_config()
        samples = round(rate * SECONDS)
        model = VAE(config, samples, rate)
        folder = project / f"models/mine/no_nf/{seed}"
        folder.mkdir(parents=True)
        card = ModelCard("vae", config, dataset, rate, samples, {})
        save_model(folder, KIND, card, model.state_dict())
        return model

    return save


@pytest.fixture
def generated(project):
    """A prepared dataset `mine` with held-out clips, and clips of the arms `mine/no_nf/own` and `mine/no_nf/gmm`."""
    folder = project / "data/prepared/mine"
    folder.mkdir(parents=True)
    time = np.arange(round(RATE * SECONDS)) / RATE
    rows = ["clip,split,group"]
    for split, count in {"train": 4, "valid": 4, "test": 9}.items():
        tones = [0.5 * np.sin(2 * np.pi * (200 + 37 * i) * time) * np.exp(-12 * time) for i in range(count)]
        np.save(folder / f"{split}.npy", np.array(tones, dtype=np.float32))
        rows += [f"{split}{i},{split},{split}{i}" for i in range(count)]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    card = {"name": "mine", "source": "folder", "sample_rate": RATE, "clip_samples": len(time)}
    (folder / "dataset.json").write_text(json.dumps(card))
    for index, prior in enumerate(("own", "gmm")):
        clips = 0.2 * np.random.default_rng(index).normal(size=(12, len(time))) * np.exp(-20 * time)
        place = project / f"generated/mine/no_nf/{prior}/3"
        place.mkdir(parents=True)
        np.save(place / "clips.npy", np.clip(clips, -1, 1).astype(np.float32))
    return project
