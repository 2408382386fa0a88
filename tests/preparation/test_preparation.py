import csv
import hashlib
import io
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowshot.clips.prepared import FACTORS, MANIFEST_COLUMNS, SPLITS, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.disentanglement import read_factors
from flowshot.preparation.preparation import audit_folder, prepare
from flowshot.preparation.selection import REASONS, AuditRow, write_audit
from flowshot.sources.fetch import fetch
from flowshot.sources.synthesis import synthesizer
from sound_folders import FIFTHS, dataset, write_params

REPOSITORY = Path(__file__).parents[2]


def audit_of(dataset):
    with (dataset.folder / "audit.csv").open(newline="", encoding="utf-8") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def bytes_below(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def ten_sounds(tmp_path, write_audio):
    for number in range(10):
        write_audio(tmp_path / f"sounds/drums/sound {number}.wav", seed=number, seconds=0.1 + number / 25)
    return tmp_path / "sounds"


def test_the_files_of_the_contract_are_written(ten_sounds, prepare_folder):
    dataset = prepare_folder()
    assert set(bytes_below(dataset.folder)) == {
        "train.npy", "valid.npy", "test.npy", "manifest.csv", "audit.csv", "dataset.json", "card.md"
    }  # fmt: skip
    assert [len(dataset.clips(split)) for split in SPLITS] == [6, 2, 2]
    for split in SPLITS:
        clips = dataset.clips(split)
        assert isinstance(clips, np.memmap) and clips.dtype == np.float32 and clips.shape[1] == 2000
        assert np.isfinite(clips).all() and np.abs(clips).max() <= 1
        for clip, row in zip(clips, dataset.rows(split), strict=True):
            assert row["sha256"] == hashlib.sha256(clip.tobytes()).hexdigest()
    assert tuple(next(iter(dataset.manifest))) == MANIFEST_COLUMNS
    assert {row["label"] for row in dataset.manifest} == {"drums"}
    assert [row["clip"] for row in dataset.manifest] == [str(number) for number in range(10)]


def test_a_row_of_the_manifest_names_the_file_its_clip_came_from(ten_sounds, prepare_folder):
    dataset = prepare_folder(level="none")
    for split in SPLITS:
        for clip, row in zip(dataset.clips(split), dataset.rows(split), strict=True):
            audio, _ = soundfile.read(ten_sounds / row["source"], dtype="float32")
            kept = min(len(audio), 1900)  # the last of a cut clip are faded
            np.testing.assert_allclose(clip[:kept], audio[:kept], atol=1e-6)
            assert float(row["seconds"]) == pytest.approx(min(len(audio) / 8000, 0.25))


def test_the_card_counts_what_was_kept_and_dropped(ten_sounds, prepare_folder, write_audio):
    write_audio(ten_sounds / "silence.wav", np.zeros(4000))
    (ten_sounds / "notes.txt").write_text("text")
    dataset = prepare_folder()
    assert dataset.card["counts"]["files"] == {"kept": 10, "dropped": {"not_audio": 1, "silent": 1}}
    assert dataset.card["counts"]["clips"] == {"train": 6, "valid": 2, "test": 2}
    assert {"name", "source", "sample_rate", "clip_samples", "licence", "origin"} <= set(dataset.card)
    text = (dataset.folder / "card.md").read_text()
    assert "| 1 | silent |" in text and "10 clips of 0.25 s at 8000 Hz" in text


def bad_files(folder, write):
    """Files of which some give no clip, each with the reason; tests/corpus has every kind."""
    noise = np.random.default_rng(1005).uniform(-0.5, 0.5, 4000).astype(np.float32)
    (folder / "text.wav").write_text("no audio")
    (folder / "text.md").write_text("no audio")
    (folder / "directory.wav").mkdir()
    write(folder / "directory.wav/inside.wav", seed=77)
    write(folder / "one sample.wav", np.ones(1))
    write(folder / "loud.wav", noise * 10)
    write(folder / "quiet copy of loud.wav", noise * 0.5)
    write(folder / "same as loud.wav", noise * 10)
    write(folder / "eight.wav", np.random.default_rng(1006).uniform(-1, 1, (4000, 8)).astype(np.float32))
    return {
        "text.wav": "unreadable", "text.md": "not_audio", "directory.wav": "not_audio", "directory.wav/inside.wav": "",
        "one sample.wav": "too_short", "loud.wav": "", "quiet copy of loud.wav": "near_duplicate",
        "same as loud.wav": "duplicate", "eight.wav": "",
    }  # fmt: skip


def test_every_file_is_in_the_audit_with_its_reason(ten_sounds, prepare_folder, write_audio, folder_config):
    expected = bad_files(ten_sounds, write_audio)
    expected |= {f"drums/sound {number}.wav": "" for number in range(10)}
    rows = audit_of(prepare_folder())
    assert {source: row["reason"] for source, row in rows.items()} == expected
    assert set(expected.values()) - {""} <= set(REASONS)
    for row in rows.values():
        assert row["status"] == ("dropped" if row["reason"] else "kept")
    eight = rows["eight.wav"]
    assert (float(eight["seconds"]), eight["sample_rate"], eight["channels"]) == (0.5, "8000", "8")
    assert (rows["text.wav"]["seconds"], rows["text.wav"]["channels"]) == ("", "")
    assert {row.source: row.reason for row in audit_folder(ten_sounds, folder_config())} == expected


def test_an_audit_writes_nothing(ten_sounds, folder_config, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    audit_folder(ten_sounds, folder_config(), workers=1)
    assert sorted(tmp_path.rglob("*")) == before


def test_copies_tie_groups_together(tmp_path, write_audio, prepare_folder):
    for number in range(20):
        write_audio(tmp_path / f"sounds/a/{number}.wav", seed=number)
    # The other folder's soft layer is a copy of a/3: its loud layer must follow a/3, not its own way.
    write_audio(tmp_path / "sounds/b/kick_soft.wav", seed=3)
    write_audio(tmp_path / "sounds/b/kick_hard.wav", seed=100)
    rows = {row["source"]: row for row in prepare_folder().manifest}
    assert "b/kick_soft.wav" not in rows
    assert rows["b/kick_hard.wav"]["group"] == rows["a/3.wav"]["group"]
    assert rows["b/kick_hard.wav"]["split"] == rows["a/3.wav"]["split"]


def test_variations_of_one_sound_are_still_split(tmp_path, write_audio, prepare_folder):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 1500).astype(np.float32)
    for number in range(40):
        moved = np.pad(sound, (0, 500)) + np.random.default_rng(number + 1).uniform(-0.01, 0.01, 2000)
        write_audio(tmp_path / f"sounds/{number}.wav", moved)
    dataset = prepare_folder()
    assert len(dataset.manifest) == 40
    assert min(len(dataset.rows(split)) for split in SPLITS) >= 2


def test_lossy_copies_share_a_group(tmp_path, write_audio, prepare_folder):
    for number in range(12):
        write_audio(tmp_path / f"sounds/{number}.wav", seed=number)
    other = np.random.default_rng(50).uniform(-0.5, 0.5, 2000).astype(np.float32)
    first = np.random.default_rng(0).uniform(-0.5, 0.5, 2000).astype(np.float32)
    write_audio(tmp_path / "sounds/lossy.wav", first + other * np.float32(10 ** (-34 / 20)))
    rows = {row["source"]: row["group"] for row in prepare_folder().manifest}
    assert rows["lossy.wav"] == rows["0.wav"] != rows["1.wav"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    layers=st.lists(st.integers(1, 4), min_size=3, max_size=12),
    copies=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=4),
    seed=st.integers(0, 3),
)
def test_nothing_that_belongs_together_is_over_two_splits(tmp_path_factory, write_audio, layers, copies, seed):
    from sound_folders import dataset

    folder = tmp_path_factory.mktemp("leak")
    for instrument, count in enumerate(layers):
        for layer in range(count):
            write_audio(folder / f"in/i{instrument}_v{layer}.wav", seed=100 * instrument + layer, seconds=0.05)
    for number, (source, target) in enumerate(copies):
        name = f"in/i{target % len(layers)}_v{90 + number}.wav"
        write_audio(folder / name, seed=100 * (source % len(layers)), seconds=0.05)
    config = dataset("folder", path=str(folder / "in"), sample_rate=8000, clip_seconds=0.05, seed=seed, split=FIFTHS)
    fetch("x", config, folder / "data/raw/x")
    try:
        prepare("x", config, folder / "data/raw/x", folder / "data/prepared/x", 1)
    except FlowshotError as error:
        # copies tied all instruments into too few groups
        assert "need one each" in str(error) or "of different groups" in str(error)
        return
    dataset = read_prepared(folder / "data/prepared/x")
    split_of = {}
    for row in dataset.manifest:
        for key in (row["group"], row["sha256"], row["source"].split("_")[0]):
            assert split_of.setdefault(key, row["split"]) == row["split"]


def struck(seed):
    """A quarter of a second of noise in a random colour that dies away, at 8 kHz."""
    generator = np.random.default_rng(seed)
    coloured = np.convolve(generator.standard_normal(2000), generator.standard_normal(24), "same")
    decay = np.exp(-np.arange(2000) / 8000 / generator.uniform(0.03, 0.3))
    return (coloured * decay / np.abs(coloured).max()).astype(np.float32)


@pytest.mark.parametrize(("near_duplicates", "expected"), [("keep", ""), ("drop", "same_recording")])
def test_the_same_recording_at_another_rate_goes_where_that_is_asked(
    tmp_path, write_audio, prepare_folder, near_duplicates, expected
):
    for number in range(12):
        write_audio(tmp_path / f"sounds/{number:02}.wav", struck(number))
    spectrum = np.fft.rfft(struck(3))
    spectrum[930:] = 0
    write_audio(tmp_path / "sounds/resampled.wav", 0.5 * np.fft.irfft(spectrum, 2000).astype(np.float32))
    dataset = prepare_folder(near_duplicates=near_duplicates)
    row = audit_of(dataset)["resampled.wav"]
    assert (row["reason"], row["copy_of"]) == (expected, "03.wav" if expected else "")
    assert len(dataset.manifest) == (12 if expected else 13)


def test_a_track_is_one_group_and_its_windows_one_every_hop(tmp_path, write_audio, prepare_folder):
    for number in range(6):
        write_audio(tmp_path / f"sounds/track {number}.wav", seed=number, seconds=2.0)
    dataset = prepare_folder(cut="windows", hop_seconds=0.5)
    assert len(dataset.manifest) == 24
    starts = sorted(float(row["start"]) for row in dataset.manifest if row["source"] == "track 0.wav")
    assert starts == [0.0, 0.5, 1.0, 1.5]
    assert {row["group"] for row in dataset.manifest} == {f"track {number}.wav" for number in range(6)}


def test_the_result_depends_on_the_seed_and_not_on_processes(ten_sounds, prepare_folder, write_audio):
    bad_files(ten_sounds, write_audio)
    alone = bytes_below(prepare_folder(workers=1).folder)
    assert bytes_below(prepare_folder(workers=2).folder) == alone
    other = bytes_below(prepare_folder(seed=1).folder)
    assert other["manifest.csv"] != alone["manifest.csv"] and other["audit.csv"] == alone["audit.csv"]


def test_a_name_that_is_no_text_does_not_stop_preparation(ten_sounds, prepare_folder, write_audio):
    write_audio(ten_sounds / "new\nline, comma.wav", seed=20)
    write_audio(ten_sounds / "carriage\rreturn.wav", seed=22)
    try:
        (ten_sounds / "kick_\udcff.wav").write_bytes(wav_bytes(seed=21))
    except OSError:
        pytest.skip("this file system takes no such names")
    dataset = prepare_folder()
    names = {"new\nline, comma.wav", "carriage\rreturn.wav", "kick_\\udcff.wav"}
    assert names <= {row["source"] for row in dataset.manifest} and names <= set(audit_of(dataset))


@pytest.mark.parametrize(
    ("made", "changes", "message"),
    [
        ("silence", {}, "no usable audio in 2 files (2 silent); lower silence_db"),
        ("text", {}, "no usable audio in 1 files (1 not_audio); add files in wav"),
        ("short", {"cut": "windows"}, "clip_seconds 0.25 is longer than every file (the longest lasts 0.2 s)"),
        ("two", {}, "only 2 groups of clips, but training"),
        ("two", {"exclude": "."}, "no usable audio in 2 files (2 excluded)"),
    ],
)
def test_what_gives_no_dataset_is_one_line_and_leaves_the_earlier_one(
    tmp_path, write_audio, prepare_folder, made, changes, message
):
    earlier = tmp_path / "data/prepared/mine"
    earlier.mkdir(parents=True)
    (earlier / "dataset.json").write_text("earlier")
    if made == "silence":
        write_audio(tmp_path / "sounds/a.wav", np.zeros(4000))
        write_audio(tmp_path / "sounds/b.wav", np.zeros(3000))
    elif made == "text":
        (tmp_path / "sounds").mkdir()
        (tmp_path / "sounds/readme.txt").write_text("text")
    elif made == "short":
        for number in range(4):
            write_audio(tmp_path / f"sounds/{number}.wav", seed=number, seconds=0.05 * (number + 1))
    else:
        for number in range(2):
            write_audio(tmp_path / f"sounds/{number}.wav", seed=number)
    with pytest.raises(FlowshotError) as caught:
        prepare_folder(**changes)
    assert message in str(caught.value) and str(tmp_path / "sounds") in str(caught.value)
    assert bytes_below(earlier) == {"dataset.json": b"earlier"}
    assert [path.name for path in earlier.parent.iterdir()] == ["mine"]


def test_the_stages_run_as_scripts(ten_sounds, folder_config, tmp_path):
    write_params(tmp_path / "params.yaml", folder_config())

    def run(stage, name="mine"):
        script = str(REPOSITORY / "stages" / f"{stage}.py")
        environment = {"PYTHONPATH": str(REPOSITORY / "src"), "PATH": ""}
        return subprocess.run(
            [sys.executable, script, name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    early = run("prepare")
    assert early.returncode == 1 and early.stderr.count("\n") == 1 and "fetch@mine" in early.stderr
    assert run("fetch").returncode == 0
    prepared = run("prepare")
    assert (prepared.returncode, prepared.stderr) == (0, "")
    assert len(read_prepared(tmp_path / "data/prepared/mine").manifest) == 10
    unknown = run("fetch", "other")
    assert unknown.returncode == 1 and unknown.stderr.count("\n") == 1 and "'other' is not defined" in unknown.stderr


def wav_bytes(seed):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(seed).uniform(-0.5, 0.5, 2000), 8000, format="WAV")
    return buffer.getvalue()


def test_where_the_sounds_lie_changes_no_byte(ten_sounds, prepare_folder, tmp_path):
    """Else moving the folder, or another mount point, would train every model again."""
    here = prepare_folder()
    content = bytes_below(here.folder)
    ten_sounds.rename(tmp_path / "elsewhere")
    there = prepare_folder(path=str(tmp_path / "elsewhere"))
    assert bytes_below(there.folder) == content
    assert not any(str(tmp_path).encode() in each for each in content.values())


def test_what_the_synthesizer_varied_is_kept_for_every_clip(tmp_path, monkeypatch):
    """With one sound of each class, in the place of 200."""
    few = partial(synthesizer.write_clips, clips_per_class=1, sample_rate=8000)
    monkeypatch.setattr(synthesizer, "write_clips", lambda folder, workers: few(folder, workers=1))
    config = dataset("synth", sample_rate=8000, clip_seconds=0.25, split=FIFTHS)
    fetch("synth", config, tmp_path / "raw")
    prepare("synth", config, tmp_path / "raw", tmp_path / "prepared", 1)
    rows = read_prepared(tmp_path / "prepared").rows("train")
    factors = read_factors(tmp_path / "prepared" / FACTORS, [row["source"] for row in rows])
    assert len(factors["pitch"]) == len(rows) and factors["pitch"].isfinite().any()


def test_the_audit_holds_the_remark_about_a_kept_file(tmp_path):
    row = AuditRow("a.wav", "kept", "", 1.0, 8000, 1, note="its header gives no length")
    write_audit(tmp_path / "audit.csv", [row, AuditRow("b.txt", "dropped", "not_audio", None, None, None)])
    with (tmp_path / "audit.csv").open(newline="", encoding="utf-8") as file:
        kept, dropped = csv.DictReader(file)
    assert (kept["note"], kept["seconds"], kept["copy_of"]) == ("its header gives no length", "1.000000", "")
    assert dropped["seconds"] == dropped["channels"] == dropped["note"] == ""
