"""The `train` stage when something happens to it: another one beside it, other data underneath, no room on the disk."""

import os
import resource
import shutil
import time

import numpy as np
import pytest

from flowshot.core.files import whole_folder

LONG = {"steps": 100_000, "batch_size": 4}


@pytest.fixture
def running(tone_project, start_train_stage):
    """A training that would go on for long, with its folder."""
    folder = tone_project("no_nf", {}, LONG, validate_every=50_000, log_every=50_000)
    process = start_train_stage(folder, "no_nf", checkpoint_seconds=0.0)
    while not list((folder / ".flowshot").rglob("state.pt")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    yield folder, process
    process.kill()
    process.communicate()


def errors_of(process):
    """The lines with which a stage failed; warnings about a store that is away are none of them."""
    err = process.communicate()[1]
    assert process.returncode == 1 and "Traceback" not in err, err
    return [line for line in err.splitlines() if not line.startswith("warning: MLflow")]


def test_a_training_whose_clips_are_cut_off_says_where_and_leaves_no_model(running):
    folder, process = running
    os.truncate(folder / "data/prepared/tones/train.npy", 0)
    err = process.communicate()[1]
    assert process.returncode != 0 and "Bus error" in err
    assert not (folder / "models").exists()


def test_a_second_training_of_the_same_says_that_the_first_is_at_it(running, start_train_stage):
    folder, first = running
    (line,) = errors_of(start_train_stage(folder, "no_nf"))
    assert (
        line.startswith("error: .flowshot/checkpoints/tones/no_nf/0/")
        and "another process is already running this stage" in line
    )
    assert first.poll() is None


def test_a_training_on_data_that_were_replaced_meanwhile_leaves_no_model(tone_project, start_train_stage):
    budget, often = {"steps": 300, "batch_size": 4}, {"validate_every": 100, "log_every": 100}
    folder = tone_project("no_nf", {}, budget, **often)
    process = start_train_stage(folder, "no_nf", checkpoint_seconds=0.0)
    while not list((folder / ".flowshot").rglob("state.pt")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    prepared = folder / "data/prepared/tones"
    with whole_folder(prepared) as fresh:
        shutil.copytree(prepared, fresh, dirs_exist_ok=True)
        np.save(fresh / "train.npy", -np.load(fresh / "train.npy"))
        with (fresh / "manifest.csv").open("a") as manifest:
            manifest.write("\n")
    (line,) = errors_of(process)
    assert line.startswith("error: data/prepared/tones: changed while this ran")
    assert not (folder / "models").exists()


def test_a_disk_that_is_full_costs_what_was_to_be_kept_meanwhile_and_the_model_in_one_line(
    tone_project, start_train_stage
):
    folder = tone_project("no_nf", {}, {"steps": 4, "batch_size": 4}, validate_every=1)
    earlier = folder / "models/tones/no_nf/0"
    earlier.mkdir(parents=True)
    (earlier / "weights.safetensors").write_bytes(b"earlier")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses what would make a file larger, as it refuses what would overfill a disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        process = start_train_stage(folder, "no_nf", checkpoint_seconds=0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    *warnings, line = errors_of(process)
    assert line.startswith("error: models/tones/no_nf/0: cannot be written (File too large); free space, change")
    assert len(warnings) == 2 and all("training continues" in each for each in warnings)
    assert [path.name for path in earlier.iterdir()] == ["weights.safetensors"]
    assert (earlier / "weights.safetensors").read_bytes() == b"earlier"
    assert [path.name for path in earlier.parent.iterdir()] == ["0"]


def test_an_output_on_a_disk_that_is_read_only_is_one_line(tone_project, start_train_stage):
    """A folder of the system in which nobody, root neither, may make one stands for that disk."""
    folder = tone_project("no_nf", {}, {"steps": 2, "batch_size": 4})
    (folder / "models").symlink_to("/sys", target_is_directory=True)
    (line,) = errors_of(start_train_stage(folder, "no_nf"))
    assert line.startswith("error: ") and "models/tones" in line
