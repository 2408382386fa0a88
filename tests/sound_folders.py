"""Datasets of tests: folders of noise, their settings, and what preparing them gives."""

import json

import numpy as np
import pytest
import soundfile

from defaults import default
from flowshot.clips.prepared import read_prepared
from flowshot.core.sections import to_dict
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.preparation import prepare
from flowshot.sources.fetch import fetch

RATE = 8000
FIFTHS = {"train": 0.6, "valid": 0.2, "test": 0.2}  # ten files suffice to be scored


def dataset(source="synth", path=None, **changes):
    """The settings of a dataset: those of `clips` in params.yaml, with changes."""
    return default(DatasetConfig, "clips", source=source, path=path, **changes)


def write_params(path, config):
    """A params.yaml (JSON is YAML) with the dataset `mine`: all that the stages fetch and prepare read."""
    path.write_text(json.dumps({"datasets": {"mine": to_dict(config)}}))


@pytest.fixture
def write_audio():
    """Writes noise (or the samples given) as a float WAV and returns the samples."""

    def write(path, audio=None, *, seed=0, seconds=0.25, rate=RATE):
        if audio is None:
            audio = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio, rate, subtype="FLOAT", format="WAV")
        return audio

    return write


@pytest.fixture
def folder_config(tmp_path):
    """The settings of a dataset made of the folder `sounds`."""

    def make(**changes):
        usual = {"sample_rate": RATE, "clip_seconds": 0.25, "split": FIFTHS}
        return dataset("folder", **({"path": str(tmp_path / "sounds")} | usual | changes))

    return make


@pytest.fixture
def prepare_folder(tmp_path, folder_config):
    """Fetches and prepares the folder `sounds` under its settings; returns the prepared dataset."""

    def run(workers=1, **changes):
        config = folder_config(**changes)
        fetch("mine", config, tmp_path / "data/raw/mine")
        prepare("mine", config, tmp_path / "data/raw/mine", tmp_path / "data/prepared/mine", workers)
        return read_prepared(tmp_path / "data/prepared/mine")

    return run
