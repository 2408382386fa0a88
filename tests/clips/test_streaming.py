"""Many clips cost no more memory than few: shown with arrays of zeros that take no room on the disk."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SAMPLES, HELD_OUT = 1600, 20
MANY, FEW = 250_000, 10_000

# What is mapped from the file is the system's cache, which it takes back when it needs it: `RssAnon` leaves it out.
PROGRAM = """
import itertools, sys, torch
from flowshot.clips.prepared import read_prepared
from flowshot.clips.batches import EndlessBatches

def kilobytes(name):
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith(name)).split()[1])

before = kilobytes("VmHWM")
dataset = read_prepared(sys.argv[1])
batches = EndlessBatches(dataset.clips("train"), 16, torch.Generator().manual_seed(0))
opened = kilobytes("VmHWM") - before
batch = None
for batch in itertools.islice(batches, 100):
    assert batch.shape == (16, int(sys.argv[2]))
before = kilobytes("RssAnon")
for batch in itertools.islice(batches, 100):
    pass
print(opened, kilobytes("RssAnon") - before)
"""


def write_zeros(path: Path, rows: int) -> None:
    """A `.npy` of zeros `[rows, SAMPLES]`, of which the disk holds nothing but the header."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, SAMPLES)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * SAMPLES * 4)


def write_dataset(folder: Path, clips: int) -> None:
    folder.mkdir()
    counts = {"train": clips, "valid": HELD_OUT, "test": HELD_OUT}
    card = {"name": folder.name, "sample_rate": 16000, "clip_samples": SAMPLES}
    (folder / "dataset.json").write_text(json.dumps(card))
    with (folder / "manifest.csv").open("w") as manifest:
        manifest.write("clip,split,group,source,start,seconds,label,sha256\n")
        for split, count in counts.items():
            write_zeros(folder / f"{split}.npy", count)
            rows = (f"{i},{split},group {i // 4},drums/{i}.wav,0.0,0.1,drums,{i:064x}\n" for i in range(count))
            manifest.writelines(rows)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc")
def test_many_clips_cost_no_more_memory_than_ten_thousand(tmp_path: Path) -> None:
    taken = {}
    for clips in (FEW, MANY):
        write_dataset(tmp_path / str(clips), clips)
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / str(clips)), str(SAMPLES)]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        taken[clips] = [int(number) / 1024 for number in result.stdout.split()]
    # The order of an epoch is a number of 8 bytes a clip; nothing else grows with the clips.
    assert taken[MANY][0] < taken[FEW][0] + 2 * 8 * MANY / 2**20 + 16, taken
    assert taken[MANY][1] < 16, taken
