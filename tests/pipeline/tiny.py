"""The project, small in every direction, in a folder of its own, and DVC as a user runs it there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import yaml

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_RATE = 8000
PRIORS = ("own", "gmm")


def tiny_project(folder: Path) -> Path:
    """The project in an empty folder, with a tiny plan and sounds for it."""
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    write_sounds(folder / "sounds")
    write_params(folder / "params.yaml", tiny_params(folder))
    run("git", "init", "--quiet", cwd=folder)
    return folder


def tiny_params(folder: Path) -> dict:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["plan"] = {
        "name": "tiny",
        "datasets": ["mine"],
        "autoencoders": ["no_nf", "nf_both"],
        "generators": ["copies"],
        "priors": list(PRIORS),
        "seeds": [0],
        "budget": {"steps": 4, "batch_size": 4},
        "clips": 6,
    }
    clips = params["clips"] | {"sample_rate": SAMPLE_RATE, "clip_seconds": 0.25}
    params["datasets"]["mine"] = clips | {"source": "folder", "path": str(folder / "sounds")}
    params["autoencoder"] |= {"bands": 4, "channels": [8, 8], "strides": [4, 4], "latent_size": 4, "flow_width": 8}
    params["train"] |= {"validate_every": 2, "log_every": 1, "threads": 1}
    params["train"]["loss"]["fft_sizes"] = [512, 128]
    params["score"] |= {"embeddings": ["logmel"], "folds": 3, "halves": 3}
    return params


def write_params(path: Path, params: dict) -> None:
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def write_sounds(folder: Path) -> None:
    """60 decaying tones, one file that is silent and one that is no audio."""
    folder.mkdir()
    time = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    for index in range(60):
        tone = np.sin(2 * np.pi * (200 + 37 * index) * time) * np.exp(-time * (8 + index % 7))
        soundfile.write(folder / f"{chr(97 + index % 26)}{index} tone.wav", 0.5 * tone, SAMPLE_RATE)
    soundfile.write(folder / "silent.wav", np.zeros(1000), SAMPLE_RATE)
    (folder / "notes.wav").write_text("not audio")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment(cwd), capture_output=True, text=True)


def environment(folder: Path) -> dict[str, str]:
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    added = {"PATH": paths, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    left_out = ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DVC_EXP_NAME")
    return {**{name: value for name, value in os.environ.items() if name not in left_out}, **added}


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "dvc", *arguments, cwd=folder)
