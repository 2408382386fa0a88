"""Read the key of a listening test, and the answers."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from flowshot.core.errors import FlowshotError

ANSWERS_FORMAT = "flowshot listening answers 1"
KEY_FORMAT = "flowshot listening key 1"
KEY_SUFFIX = ".key.json"
RATINGS = ["listener", "screen", "system", "score"]  # from 0 to 100
PREFERENCES = ["listener", "pair", "preferred", "other"]  # systems


class Key(NamedTuple):
    """The system behind each identifier, and the screens and pairs of identifiers."""

    test: str
    arms: list[str]
    systems: dict[str, str]
    screens: list[list[str]]
    pairs: list[list[str]]


class Answers(NamedTuple):
    """Everything the files say, in frames of `RATINGS` and `PREFERENCES`; `unfinished` listeners left questions out."""

    listeners: list[str]
    unfinished: list[str]
    ratings: Any
    preferences: Any


def read_key(path: Path) -> Key:
    """The key in a file; raises FlowshotError if there is none, or if it is damaged."""
    raw = _read(path, KEY_FORMAT, "no key of a listening test; give the file that was written with the page")
    systems = {name: each["system"] for name, each in raw["clips"].items()}
    return Key(raw["test"], raw["arms"], systems, raw["screens"], raw["pairs"])


def find_key(answers: Sequence[Path]) -> Path:
    """The key of the test that the first file answers: `*.key.json` here, beside the files, or in the folder above."""
    test = _read_answers(answers[0])["test"]
    folders = [Path.cwd(), *(place for file in answers for place in [*file.absolute().parents][:2])]
    for path in sorted({path for folder in folders for path in folder.glob("*" + KEY_SUFFIX)}):
        with suppress(FlowshotError):
            if read_key(path).test == test:
                return path
    raise FlowshotError(
        f"{answers[0]}: answers test {test}, and no *{KEY_SUFFIX} lies here or beside it; name it with --key"
    )


def read_all(paths: Sequence[Path], key: Key) -> Answers:
    """What all listeners answered.

    Raises:
        FlowshotError: a file is missing, has no answers, answers another test, or two files are from one listener.
    """
    file_of: dict[str, Path] = {}
    unfinished, ratings, preferences = [], [], []
    for path in paths:
        raw = _read_answers(path)
        listener = raw["listener"]
        if raw["test"] != key.test:
            raise FlowshotError(f"{path}: answers test {raw['test']}, but the key is of {key.test}; leave it out")
        if listener in file_of:
            raise FlowshotError(f"{path}: {listener!r} answered in {file_of[listener]}, too; leave one of them out")
        file_of[listener] = path
        for each in raw["ratings"]:
            ratings.append((listener, each["screen"], key.systems[each["clip"]], float(each["score"])))
        for each in raw["preferences"]:
            chosen = each["chosen"]
            other = next(name for name in key.pairs[each["pair"]] if name != chosen)
            preferences.append((listener, each["pair"], key.systems[chosen], key.systems[other]))
        if len(raw["ratings"]) + len(raw["preferences"]) < sum(map(len, key.screens)) + len(key.pairs):
            unfinished.append(listener)
    if not ratings and not preferences:
        raise FlowshotError(f"{paths[0]}: no answers found; answer at least one screen or pair")
    frames = pd.DataFrame(ratings, columns=RATINGS), pd.DataFrame(preferences, columns=PREFERENCES)
    return Answers(list(file_of), unfinished, *frames)


def _read_answers(path: Path) -> dict[str, Any]:
    return _read(path, ANSWERS_FORMAT, "no answers of a listening test; save them again from the page")


def _read(path: Path, form: str, problem: str) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FlowshotError(f"{path}: cannot be read ({error.strerror}); give a file that exists") from None
    except ValueError as error:
        raise FlowshotError(f"{path}: is not JSON ({error}): {problem}") from None
    if not isinstance(raw, dict) or raw.get("format") != form:
        raise FlowshotError(f"{path}: {problem}")
    return raw
