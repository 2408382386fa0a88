import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

ARMS = ("mine/no_nf/own", "mine/no_nf/gmm")
MAKE = ("listening-test", "--arms", *ARMS, "--out", "listen", "--screens", 2, "--pairs", 3)


def answers(listener, prefer="mine/no_nf/gmm", key="listen.key.json"):
    """What a listener would save who rates `prefer` 80 and everything else 40, and always prefers it."""
    key = json.loads(Path(key).read_text())
    system = {name: each["system"] for name, each in key["clips"].items()}
    return {
        "format": "flowshot listening answers 1",
        "test": key["test"],
        "listener": listener,
        "ratings": [
            {"screen": index, "clip": clip, "score": 80 if system[clip] == prefer else 40}
            for index, screen in enumerate(key["screens"])
            for clip in screen
        ],
        "preferences": [
            {"pair": index, "first": pair[0], "second": pair[1], "chosen": max(pair, key=lambda c: system[c] == prefer)}
            for index, pair in enumerate(key["pairs"])
        ],
    }


def save(name, value):
    Path(name).write_text(json.dumps(value))
    return name


def test_the_page_holds_its_sounds_and_does_not_say_what_they_are_of(generated, found):
    report = found(*MAKE)
    assert (report["screens"], report["pairs"], report["clips"]) == (2, 3, 2 * 4 + 3 * 2 + 1)
    assert [path.name for path in Path("listen").iterdir()] == ["index.html"]
    page = Path("listen/index.html").read_text()
    assert page.count("data:audio/flac;base64,") == report["clips"]
    assert not re.search(r"no_nf|gmm|mine|https?://(?!www\.w3\.org)", page)
    key = json.loads(Path("listen.key.json").read_text())
    assert key["test"] == report["test"] and key["arms"] == list(ARMS)
    assert key["sources"]["mine/no_nf/own"] == "generated/mine/no_nf/own/3/clips.npy"


def test_answers_become_tables_with_the_planted_preference(generated, found, flowshot):
    found(*MAKE)
    files = [save(f"{name}.json", answers(name)) for name in ("anna", "ben")]
    report = found("listening-test", "--analyse", *files)
    means = {row["arm"]: row["value"] for row in report["ratings"]}
    assert means == {"mine/no_nf/gmm": 80, "mine/no_nf/own": 40, "real": 40, "anchor": 40}
    (preference,) = report["preferences"]
    assert (preference["arm"], preference["than"], preference["value"], preference["n"]) == (*ARMS, 0, 6)
    assert preference["ci_high"] < 0.9 and report["rating_differences"][0]["value"] == -40
    assert report["listeners"] == ["anna", "ben"] and report["real_above_anchor"] == {"anna": 0, "ben": 0}
    status, out, err = flowshot("listening-test", "--analyse", *files)
    assert status == 0 and err == ""
    assert out.splitlines()[2].split()[:2] == ["mine/no_nf/gmm", "80"]
    assert "2 listeners; 95% intervals over listeners and clips" in out and "anna, ben" in out


def test_one_listener_who_has_not_finished_is_said(generated, found, flowshot):
    found(*MAKE)
    few = {**answers("anna"), "preferences": []}
    status, out, err = flowshot("listening-test", "--analyse", save("anna.json", few), "--key", "listen.key.json")
    assert status == 0 and "not finished, counted as far as they were answered: anna" in err
    assert "one listener says nothing about others" in out


def test_a_broken_file_or_the_key_of_another_test_is_one_line(generated, found, fails):
    found(*MAKE)
    good = save("anna.json", answers("anna"))
    found(*MAKE[:4], "--out", "other", "--seed", 1)
    assert "but the key is of" in fails("listening-test", "--analyse", good, "--key", "other.key.json")
    Path("odd.json").write_text("{")
    assert "odd.json: is not JSON" in fails("listening-test", "--analyse", good, "odd.json")
    Path("listen.key.json").unlink()
    assert "name it with --key" in fails("listening-test", "--analyse", good)


def test_a_folder_of_another_system_takes_part(generated, write_sounds, found, fails):
    write_sounds(generated / "exported", 5, rate=44100, seconds=0.6)
    report = found("listening-test", "--arms", ARMS[0], "some_gan=exported", "--out", "listen")
    assert report["arms"] == [ARMS[0], "some_gan"]
    (generated / "exported/broken.wav").write_text("no audio")
    assert "broken.wav: unreadable" in fails("listening-test", "--arms", ARMS[0], "x=exported", "--out", "two")
    assert "nowhere: does not exist" in fails("listening-test", "--arms", ARMS[0], "x=nowhere", "--out", "two")


def test_one_arm_is_compared_with_real_clips(generated, found):
    found("listening-test", "--arms", ARMS[0], "--out", "listen", "--pairs", 2, "--screens", 0)
    report = found("listening-test", "--analyse", save("anna.json", answers("anna", "real")))
    assert report["preferences"][0]["than"] == "real" and report["preferences"][0]["value"] == 0
    assert report["ratings"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--arms", *ARMS),
        ("--arms", *ARMS, "--analyse", "x"),
        ("--arms", ARMS[0], ARMS[0], "--out", "x"),
        ("--arms", ARMS[0], "other/no_nf/own", "--out", "x"),
        ("--arms", "some_gan=exported", "--out", "x"),
        ("--arms", ARMS[0], "real=exported", "--out", "x"),
        ("--arms", ARMS[0], "../x=exported", "--out", "x"),
        ("--arms", "no_nf", "--out", "x"),
        ("--arms", *(f"mine/a{i}/own" for i in range(11)), "--out", "x"),
        ("--arms", *ARMS, "--out", "x", "--screens", "-1"),
        ("--arms", *ARMS, "--out", "x", "--screens", 0, "--pairs", 0),
    ],
)
def test_wrong_use_is_told_before_anything_is_read(project, flowshot, arguments):
    status, out, err = flowshot("listening-test", *arguments)
    assert status == 2 and out == "" and "error: " in err.splitlines()[-1]


def test_arms_without_clips_or_with_damaged_ones_are_named(generated, fails):
    assert "generated/mine/no_nf/nf: no clips of seed 3 or 4" in fails(
        "listening-test", "--arms", "mine/no_nf/nf", "--out", "x"
    )
    assert "no clips of seed 9" in fails(*MAKE, "--model-seed", 9)
    path = Path("generated/mine/no_nf/own/3/clips.npy")
    clips = np.load(path)
    for damaged, message in ((clips[:, :100], "has shape (12, 100)"), (clips * np.nan, "contains NaN")):
        np.save(path, damaged)
        assert message in fails(*MAKE)
    path.write_bytes(b"damaged")
    assert "no array of clips" in fails(*MAKE)
    shutil.rmtree("data")
    assert "no prepared dataset" in fails(*MAKE)
    assert not Path("listen").exists() and not Path("listen.key.json").exists()


def test_a_test_whose_answers_may_be_under_way_is_replaced_only_by_force(generated, found, fails):
    found(*MAKE)
    assert "is not empty" in fails(*MAKE)
    shutil.rmtree("listen")
    assert "listen.key.json: exists" in fails(*MAKE)
    found(*MAKE, "--force")
