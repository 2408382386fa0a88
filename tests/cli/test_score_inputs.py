"""Every kind of bad input has a right answer or one clear line; and what `--as` keeps becomes a row of the report."""

import csv
import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

OPTIONS = ("--sample-rate", 8000, "--seconds", 0.25, "--embedding", "logmel")


@pytest.fixture
def score(tmp_path, monkeypatch, write_sounds):
    """The arguments that score a folder of 9 sounds against one of 12."""
    monkeypatch.chdir(tmp_path)
    write_sounds(tmp_path / "reference", 12)
    write_sounds(tmp_path / "candidate", 9, pitch=900)
    return ("score", "--reference", "reference", "--candidate", "candidate", *OPTIONS)


def values(report):
    return {row["metric"]: row["value"] for row in report["scores"]}


def all_finite(report):
    numbers = [row[name] for row in report["scores"] for name in ("value", "ci_low", "ci_high")]
    return all(number is None or math.isfinite(number) for number in numbers)


@pytest.mark.parametrize("role", ["reference", "candidate"])
@pytest.mark.parametrize("left", [0, 1])
def test_an_empty_folder_and_one_of_a_single_file_are_refused(score, fails, role, left):
    for path in sorted(Path(role).iterdir())[left:]:
        path.unlink()
    assert f"{role}: holds {left} audio files, but a comparison needs at least 2" in fails(*score)


def test_a_folder_and_its_copy_are_at_distance_zero(score, found):
    shutil.copytree("reference", "copy")
    for candidate in ("reference", "copy"):
        report = found("score", "--reference", "reference", "--candidate", candidate, *OPTIONS)
        got = values(report)
        assert got["fad"] == pytest.approx(0, abs=1e-9)
        assert got["kid"] <= 1e-9 and abs(got["kid"]) < 0.02
        assert got["precision"] == got["recall"] == got["coverage"] == 1
        assert all_finite(report) and report["n"] == 12


@pytest.mark.parametrize("constant", [0.0, 0.5, -1.0])
def test_constant_audio_is_scored(score, found, constant):
    for path in Path("candidate").iterdir():
        soundfile.write(path, np.full(2000, constant), 8000)
    report = found(*score)
    assert all_finite(report) and report["n"] == 9 and values(report)["fad"] > 0


def test_audio_with_nan_fails_by_name_or_is_skipped_and_lowers_n(score, fails, found):
    broken = sorted(Path("candidate").iterdir())[4]
    sound, rate = soundfile.read(broken)
    sound[100] = np.nan
    soundfile.write(broken, sound, rate, subtype="FLOAT")
    assert broken.name in fails(*score)
    report = found(*score, "--on-bad-clip", "skip")
    assert all(row["n"] == 8 for row in report["scores"] if not row["metric"].endswith("_p")) and all_finite(report)
    assert any(broken.name in json.dumps(row.get("skipped")) for row in report["scores"]) or any(
        broken.name in one["clip"] for one in report["skipped"]
    )


def test_clips_of_50_ms_and_files_of_eight_channels_are_scored(score, found):
    generator = np.random.default_rng(0)
    for index, path in enumerate(sorted(Path("candidate").iterdir())):
        shape = (400, 1) if index % 2 else (2000, 8)
        soundfile.write(path, generator.uniform(-0.5, 0.5, shape), 8000)
    report = found(*score)
    assert all_finite(report) and report["n"] == 9
    assert all_finite(found("score", "--reference", "reference", "--candidate", "candidate", *OPTIONS[:3], 0.05))


def test_sets_smaller_than_a_neighbourhood_have_the_other_metrics(score, flowshot, found):
    for path in sorted(Path("candidate").iterdir())[2:]:
        path.unlink()
    report = found(*score)
    compared = [row["metric"] for row in report["scores"]]
    assert compared == ["fad", "kid", "kad", "vendi", "constant_tone", "tonality"]
    assert report["n"] == 2 and all_finite(report)
    err = flowshot(*score)[2]
    assert "recall (logmel): 5 nearest neighbours need at least 6 clips in each set, found 2; it is left out" in err


def test_numbers_from_too_few_clips_for_the_dimension_are_marked(score, found, flowshot):
    marked = found(*score)["too_few_clips_for"]
    assert marked == [{"metric": name, "embedding": "logmel"} for name in ("fad", "fad_infinity")]
    lines = flowshot(*score)[1].splitlines()
    assert [line.split()[0] for line in lines if line.endswith("†")] == ["fad", "fad_infinity"]
    assert lines[-1] == "† too few clips for the dimension of the embedding"


@pytest.fixture
def prepared(project, write_sounds):
    """A prepared dataset `mine` in a project, with 6 held-out clips; and a folder of 8 sounds."""
    folder = project / "data/prepared/mine"
    folder.mkdir(parents=True)
    rows = []
    for seed, (split, n) in enumerate({"train": 10, "valid": 6, "test": 6}.items()):
        clips = 0.1 * np.random.default_rng(seed).normal(size=(n, 2000)).astype(np.float32)
        np.save(folder / f"{split}.npy", clips)
        rows += [{"clip": f"{split}{i}", "split": split, "group": f"{split}{i}"} for i in range(n)]
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["clip", "split", "group"])
        writer.writeheader()
        writer.writerows(rows)
    card = {"name": "mine", "source": "folder", "sample_rate": 8000, "clip_samples": 2000}
    (folder / "dataset.json").write_text(json.dumps(card))
    write_sounds(project / "exported", 8, rate=44100)
    return ("score", "--reference", "data/prepared/mine", "--candidate", "exported", "--embedding", "logmel")


def test_an_external_system_meets_the_reference_of_the_arms_and_is_kept_as_one(prepared, found):
    report = found(*prepared, "--as", "some_gan")
    assert (report["n"], report["sample_rate"], report["seconds"]) == (6, 8000, 0.25)
    kept = json.loads(Path("scores/mine/external/some_gan/0.json").read_text())
    assert kept == report["scores"]
    assert {row["metric"] for row in kept} >= {"fad", "kid", "authenticity", "training_distance", "coverage"}
    assert all("influence" not in row for row in kept)


def test_what_is_kept_can_be_committed_and_what_stages_write_is_not(tmp_path):
    """By the committed .gitignore."""
    shutil.copy(Path(__file__).parents[2] / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    paths = ["scores/synth/external/gan/0.json", "scores/synth/no_nf/own/0.json", "scores/synth/real/real/0.json"]
    ignored = [subprocess.run(["git", "check-ignore", "-q", path], cwd=tmp_path).returncode == 0 for path in paths]
    assert ignored == [False, True, True]


def test_a_place_that_cannot_be_written_is_one_line(prepared, fails):
    """A folder of the system in which nobody, root neither, may make one."""
    Path("scores").symlink_to("/sys", target_is_directory=True)
    assert "scores/mine" in fails(*prepared, "--as", "some_gan")


def test_files_are_drawn_from_those_that_decode(score, found):
    """So that damaged ones cost no comparison while there are others."""
    for path in sorted(Path("reference").iterdir())[:3]:
        path.write_bytes(b"damaged")
    report = found(*score, "--on-bad-clip", "skip")
    assert report["n"] == 9 and len(report["skipped"]) == 3
    assert all(row["n"] == 9 for row in report["scores"] if row["metric"] == "fad")


def test_one_that_was_compared_with_a_folder_is_kept_apart(prepared, score, project, found):
    from flowshot.report.results import external_arms

    found(*score, "--as", "gan")
    shutil.copytree("reference", project / "held out")
    found("score", "--reference", project / "held out", *score[3:], "--as", "gan")
    arms = external_arms(project)
    assert arms == [(f"folder-{name}", "external", "gan", 0) for name in ("held-out", "reference")]


def test_too_few_clips_for_a_row_of_a_table_are_refused(prepared, fails):
    for path in sorted(Path("exported").iterdir())[5:]:
        path.unlink()
    assert (
        "exported: holds 5 audio files, but a row of the tables needs as many as data/prepared/mine has for testing, 6"
        in fails(*prepared)
    )


def test_a_name_that_is_no_name_or_a_place_that_is_no_project_is_told(score, flowshot, fails, tmp_path):
    status, out, err = flowshot(*score, "--as", "../gan")
    assert status == 2 and out == "" and "argument --as: must consist of letters" in err
    assert "params.yaml" in fails(*score, "--as", "gan")


@pytest.mark.parametrize("option", [("--seconds", 2), ("--sample-rate", 8000)])
def test_clips_of_a_prepared_reference_have_the_length_and_rate_of_its_dataset(prepared, flowshot, option):
    status, _, err = flowshot(*prepared, *option)
    assert status == 2 and "clips are those of data/prepared/mine; leave --seconds and" in err.splitlines()[-1]
