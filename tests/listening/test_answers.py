import copy
import json

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.listening.answers import find_key, read_all, read_key

KEY = {
    "format": "flowshot listening key 1",
    "test": "t1",
    "arms": ["a", "b"],
    "screens": [["c1", "c2", "c3", "c4"]],
    "pairs": [["c5", "c6"]],
    "clips": {
        name: {"system": system, "row": 0}
        for name, system in zip(
            ("c1", "c2", "c3", "c4", "c5", "c6"), ("a", "b", "real", "anchor", "b", "a"), strict=True
        )
    },
}
ANSWERS = {
    "format": "flowshot listening answers 1",
    "test": "t1",
    "listener": "anna",
    "ratings": [{"screen": 0, "clip": name, "score": score} for name, score in (("c1", 40), ("c2", 70.5), ("c3", 90))],
    "preferences": [{"pair": 0, "first": "c5", "second": "c6", "chosen": "c5"}],
}


@pytest.fixture
def write(tmp_path):
    def write(name, value):
        (tmp_path / name).write_text(value if isinstance(value, str) else json.dumps(value))
        return tmp_path / name

    return write


def changed(**changes):
    return {**copy.deepcopy(ANSWERS), **changes}


def test_answers_become_ratings_and_preferences_of_systems(write):
    key = read_key(write("x.key.json", KEY))
    found = read_all([write("anna.json", ANSWERS)], key)
    assert found.ratings[["system", "score"]].to_numpy().tolist() == [["a", 40], ["b", 70.5], ["real", 90]]
    assert found.preferences[["preferred", "other"]].to_numpy().tolist() == [["b", "a"]]
    assert found.listeners == found.unfinished == ["anna"]  # the anchor is not rated


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "no answers of a listening test"),
        ({}, "no answers of a listening test"),
        (KEY, "no answers of a listening test"),
        ({**ANSWERS, "format": "flowshot listening answers 2"}, "no answers of a listening test"),
        (changed(test="t2"), "answers test t2, but the key is of t1"),
        (changed(ratings=[], preferences=[]), "no answers found"),
    ],
)
def test_a_malformed_file_is_one_line_that_names_it(write, content, message):
    key = read_key(write("x.key.json", KEY))
    with pytest.raises(FlowshotError) as error:
        read_all([write("odd.json", content)], key)
    assert "odd.json: " in str(error.value) and message in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_and_bytes_that_are_no_text_are_named(write, tmp_path):
    key = read_key(write("x.key.json", KEY))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("none.json", "bytes.json"):
        with pytest.raises(FlowshotError, match=name):
            read_all([tmp_path / name], key)


def test_a_listener_who_answered_twice_is_named_with_both_files(write):
    key = read_key(write("x.key.json", KEY))
    with pytest.raises(FlowshotError, match=r"two.json: 'anna' answered in .*one.json, too"):
        read_all([write("one.json", ANSWERS), write("two.json", ANSWERS)], key)


def test_another_file_than_a_key_is_named(write):
    with pytest.raises(FlowshotError, match=r"x.key.json: no key of a listening test"):
        read_key(write("x.key.json", {**KEY, "format": "other"}))


def test_the_key_of_the_test_is_found_among_others_beside_the_answers(write, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    answers = write("anna.json", ANSWERS)
    write("a.key.json", {**KEY, "test": "t0"})
    write("b.key.json", "damaged")
    with pytest.raises(FlowshotError, match="answers test t1, and no"):
        find_key([answers])
    write("c.key.json", KEY)
    assert find_key([answers]).name == "c.key.json"
    (tmp_path / "answers").mkdir()
    assert find_key([write("answers/anna.json", ANSWERS)]).name == "c.key.json"
