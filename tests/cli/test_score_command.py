import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

OPTIONS = ("--sample-rate", 8000, "--seconds", 0.25, "--embedding", "logmel")


@pytest.fixture
def score(tmp_path, monkeypatch):
    """The arguments that score the folder `candidate` against `reference`."""
    monkeypatch.chdir(tmp_path)
    return ("score", "--reference", "reference", "--candidate", "candidate", *OPTIONS)


@pytest.fixture
def folders(tmp_path, write_sounds):
    return write_sounds(tmp_path / "reference", 12), write_sounds(tmp_path / "candidate", 9, pitch=900)


def value(report, metric):
    return next(row["value"] for row in report["scores"] if row["metric"] == metric)


def test_fad_and_kid_are_given_with_intervals_at_equal_n(folders, score, flowshot, found):
    report = found(*score)
    assert report["n"] == 9 and report["sample_rate"] == 8000 and report["seconds"] == 0.25
    distances = [row for row in report["scores"] if row["metric"] in ("fad", "kid")]
    assert [(row["metric"], row["embedding"], row["n"]) for row in distances] == [
        ("fad", "logmel", 9), ("kid", "logmel", 9)
    ]  # fmt: skip
    for row in distances:
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
    status, out, err = flowshot(*score)
    assert status == 0 and err == "reference: 3 of 12 files are left out, so that both sets have 9\n"
    assert {("fad", "logmel"), ("kid", "logmel")} <= {tuple(line.split()[:2]) for line in out.splitlines()[2:]}


def test_a_set_is_nearer_to_its_like_than_to_noise(folders, score, tmp_path, write_sounds, found):
    like = value(found(*score), "fad")
    for index, path in enumerate(sorted((tmp_path / "candidate").iterdir())):
        soundfile.write(path, np.random.default_rng(index).uniform(-0.5, 0.5, 2000), 8000)
    assert value(found(*score), "fad") > 2 * like


def test_files_of_other_rates_and_lengths_are_compared(tmp_path, write_sounds, score, flowshot, found):
    write_sounds(tmp_path / "reference", 6)
    write_sounds(tmp_path / "candidate", 6, rate=44100, seconds=0.5)
    write_sounds(tmp_path / "candidate/below", 1, rate=11025, seconds=0.1)
    report = found(*score)
    assert report["n"] == 6 and report["candidate"]["files"] == 7
    assert report["candidate"]["cut"] + report["candidate"]["padded"] == 6
    assert "longer than 0.25 s" in flowshot(*score)[2]


def test_the_default_embeddings_are_those_of_the_plan(folders, score, found):
    pytest.importorskip("ai_edge_litert")
    report = found(*score[: score.index("--embedding")])
    assert [row["embedding"] for row in report["scores"] if row["metric"] == "kid"] == ["yamnet", "logmel"]


def test_the_same_call_gives_the_same_numbers_and_leaves_nothing_behind(folders, score, found):
    before = sorted(Path().rglob("*"))
    assert found(*score) == found(*score)
    assert sorted(Path().rglob("*")) == before


def test_a_file_that_cannot_be_decoded_fails_and_is_named_drawn_or_not(folders, score, fails, tmp_path):
    (tmp_path / "reference/damaged.wav").write_text("not audio")
    for seed in range(3):
        assert "reference/damaged.wav: unreadable" in fails(*score, "--seed", seed)


def test_what_is_no_audio_by_its_name_is_told(folders, score, tmp_path, flowshot, found):
    (tmp_path / "candidate/notes.txt").touch()
    assert found(*score)["candidate"]["not_audio"] == ["notes.txt"]
    assert "candidate: 1 files are skipped because" in flowshot(*score)[2]


def test_huge_samples_give_finite_numbers(folders, score, tmp_path, found):
    soundfile.write(tmp_path / "candidate/huge.wav", np.linspace(-1e30, 1e30, 2000), 8000, subtype="FLOAT")
    assert all(math.isfinite(row["value"]) for row in found(*score)["scores"])


@pytest.mark.parametrize("seconds", [0.0003, 0.01, 2])
def test_clips_of_any_length_are_scored(folders, score, found, seconds):
    assert found(*score, "--seconds", seconds)["seconds"] == seconds


def test_a_missing_folder_is_named(folders, score, fails, tmp_path):
    (tmp_path / "reference").rename(tmp_path / "moved")
    assert "reference: does not exist" in fails(*score)


def test_an_unknown_embedding_is_wrong_use_and_the_known_ones_are_named(folders, score, flowshot):
    status, out, err = flowshot(*score, "--embedding", "sung")
    assert status == 2 and out == ""
    assert "'sung' is not an embedding; use one of: " in err.splitlines()[-1] and "yamnet" in err.splitlines()[-1]


@pytest.mark.parametrize(
    "option", [("--hop", 0), ("--hop", 2), ("--window", -1), ("--level-db", 3), ("--level", "rms")]
)
def test_a_policy_out_of_its_limits_is_wrong_use(folders, score, flowshot, option):
    assert flowshot(*score, *option)[0] == 2


def test_the_policy_is_followed_and_recorded(tmp_path, write_sounds, score, found):
    for name, pitch in (("reference", 200), ("candidate", 230)):
        write_sounds(tmp_path / name, 8, pitch=pitch, seconds=0.2)
    plain = found(*score)
    other = found(*score, "--level", "peak", "--window", 0.1, "--hop", 0.5)
    assert value(other, "fad") != value(plain, "fad")
    assert other["policy"] == {"window_seconds": 0.1, "hop": 0.5, "level": "peak", "level_db": -1.0}
    for row in other["scores"]:
        if row["metric"] == "constant_tone":  # heard without an embedding
            assert 0 <= row["hertz"] <= other["sample_rate"] / 2
        if row["embedding"] == "none":
            continue
        assert row["policy"]["window"] == 4800 and row["policy"]["hop"] == 2400 and row["policy"]["level"] == "peak"


def test_of_stereo_files_the_mean_is_heard(tmp_path, write_sounds, score, found):
    write_sounds(tmp_path / "reference", 6)
    for sign in (1, -1):
        for path in sorted((tmp_path / "reference").iterdir()):
            left, rate = soundfile.read(path)
            (tmp_path / "candidate").mkdir(exist_ok=True)
            soundfile.write(tmp_path / "candidate" / path.name, np.stack([left, sign * left], axis=1), rate)
        distance = value(found(*score), "fad")
        assert distance == pytest.approx(0, abs=1e-6) if sign == 1 else distance > 0.1  # the channels cancel


def test_a_damaged_file_is_skipped_on_request_named_and_lowers_n(folders, score, tmp_path, found, flowshot):
    damaged = tmp_path / "candidate/damaged.wav"
    damaged.write_text("not audio")
    report = found(*score, "--on-bad-clip", "skip")
    assert report["n"] == 9 and all(row["n"] == 9 for row in report["scores"])
    (entry,) = report["skipped"]
    assert entry["set"] == "candidate" and entry["clip"] == str(damaged) and "unreadable" in entry["reason"]
    assert "1 of 10 files cannot be decoded" in flowshot(*score, "--on-bad-clip", "skip")[2]


def test_too_few_files_that_can_be_decoded_are_one_line(folders, score, tmp_path, fails):
    for path in (tmp_path / "candidate").iterdir():
        path.write_text("not audio")
    assert "0 files of each set could be decoded" in fails(*score, "--on-bad-clip", "skip")


def test_weights_that_are_not_there_are_named_with_the_folder_before_anything_is_decoded(
    folders, score, fails, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", "")  # put back afterwards: the embedder sets it
    (tmp_path / "reference/damaged.wav").write_text("not audio")
    line = fails(*score[:-1], "clap", "--checkpoints", tmp_path / "weights")
    assert f"embedding clap: {tmp_path}/weights/630k-audioset-best.pt is missing" in line
