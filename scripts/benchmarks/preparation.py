"""Preparing a folder of recordings, against `rave preprocess`."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.measuring import SAMPLE_RATE, Numbers, median_ratio, once
from benchmarks.project import small_project, write_params
from flowshot.core.randomness import numpy_generator

FILE_RATE, FILE_SECONDS = 44100, 8.5
NUM_SIGNAL = 32768  # samples; of `rave preprocess`, the least that its training takes at this rate


def preparation(files: int = 300, rounds: int = 3) -> Numbers:
    """The stages `fetch` and `prepare` on a folder of WAV files, against `rave preprocess` on the same folder.

    Both as commands, from start to end, on all cores, from 44.1 kHz to 16 kHz. The files are long enough for RAVE,
    which drops what is shorter than two of its signals; ours are cut into a clip a second.
    """
    command = Path(sys.executable).parent / "rave"
    if not command.is_file() or shutil.which("ffmpeg") is None:
        return {"times faster than `rave preprocess`": "not installed"}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_recordings(folder / "sounds", files)
        project = preparing_project(folder)
        pairs = []
        for number in range(rounds):
            theirs = once(partial(preprocess, command, folder, number))
            pairs.append((theirs, once(partial(prepare, project))))
    times_faster = median_ratio(pairs)
    ours = files * FILE_SECONDS / sorted(mine for _, mine in pairs)[rounds // 2]
    return {"times faster than `rave preprocess`": times_faster, "our seconds of audio per second": ours}


def write_recordings(folder: Path, count: int) -> None:
    """`count` WAV files of decaying noise in 16 bits."""
    folder.mkdir()
    times = np.arange(round(FILE_RATE * FILE_SECONDS)) / FILE_RATE
    for number in range(count):
        noise = numpy_generator(number, "bench", "recordings").normal(size=len(times))
        soundfile.write(folder / f"{number}.wav", 0.2 * noise * np.exp(-(times % 2)), FILE_RATE)


def preparing_project(folder: Path) -> Path:
    """A project whose plan has the recordings as its only dataset."""
    project = small_project(folder / "project")

    def change(params: dict[str, Any]) -> None:
        clips = params["clips"] | {"source": "folder", "path": str(folder / "sounds"), "cut": "windows"}
        params["datasets"]["bench"] = clips | {"sample_rate": SAMPLE_RATE}
        params["plan"]["datasets"] = ["bench"]

    write_params(project, change)
    return project


def preprocess(command: Path, folder: Path, number: int) -> None:
    """RAVE's own preparation, into a database that is new each time."""
    arguments = {
        "input_path": folder / "sounds", "output_path": folder / f"rave/{number}", "num_signal": NUM_SIGNAL,
        "sampling_rate": SAMPLE_RATE, "channels": 1,
    }  # fmt: skip
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    subprocess.run([command, "preprocess", *options], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def prepare(project: Path) -> None:
    """Both stages, from nothing."""
    shutil.rmtree(project / "data", ignore_errors=True)
    for stage in ("fetch", "prepare"):
        subprocess.run([sys.executable, f"stages/{stage}.py", "bench"], cwd=project, check=True, capture_output=True)
