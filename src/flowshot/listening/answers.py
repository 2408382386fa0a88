"""Read the key of a listening test and what listeners answered, and say in one line what is wrong with a file."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import require
from flowshot.listening.design import Design

ANSWERS_FORMAT = "flowshot listening answers 1"
KEY_FORMAT = "flowshot listening key 1"
KEY_SUFFIX = ".key.json"
NO_ANSWERS = ("no answers of a listening test", "save them again from the page")


class Key(NamedTuple):
    """What was played under which identifier: the system of each clip, the screens and the pairs of identifiers."""

    test: str
    arms: list[str]
    systems: dict[str, str]
    screens: list[list[str]]
    pairs: list[list[str]]


class Rating(NamedTuple):
    """A score from 0 to 100 that a listener gave to a clip on a screen."""

    listener: str
    screen: int
    system: str
    score: float


class Preference(NamedTuple):
    """Which system a listener preferred to which in a pair."""

    listener: str
    pair: int
    preferred: str
    other: str


class Answers(NamedTuple):
    """Everything the files say; `unfinished` are listeners who left questions out."""

    listeners: list[str]
    unfinished: list[str]
    ratings: list[Rating]
    preferences: list[Preference]


def key_entry(test: str, arms: Sequence[str], design: Design, facts: dict[str, Any]) -> dict[str, Any]:
    """The key as it is written; `facts` say where the clips came from and at which level they play."""
    clips = {name: {"system": each.system, "row": each.row} for name, each in sorted(design.stimuli.items())}
    return {
        "format": KEY_FORMAT, "test": test, "arms": list(arms), **facts,
        "screens": design.screens, "pairs": design.pairs, "clips": clips,
    }  # fmt: skip


def read_key(path: Path) -> Key:
    """The key in a file; raises FlowshotError where there is none, or where it is damaged."""
    with _reading(path, "no key of a listening test", "give the file that was written with the page"):
        raw = json.loads(path.read_text(encoding="utf-8"))
        require(raw["format"] == KEY_FORMAT, f"its format is not {KEY_FORMAT!r}")
        systems = {str(name): str(each["system"]) for name, each in raw["clips"].items()}
        key = Key(str(raw["test"]), list(raw["arms"]), systems, list(raw["screens"]), list(raw["pairs"]))
        require(all(name in systems for group in (*key.screens, *key.pairs) for name in group), "a clip is missing")
    return key


def find_key(answers: Sequence[Path]) -> Path:
    """The key of the test that the first file answers: `*.key.json` here, beside the files, or in the folder above."""
    test = _read_answers(answers[0])["test"]
    folders = [Path.cwd(), *(place for file in answers for place in [*file.absolute().parents][:2])]
    for path in sorted({path for folder in folders for path in folder.glob("*" + KEY_SUFFIX)}):
        with suppress(FlowshotError):
            if read_key(path).test == test:
                return path
    raise FlowshotError(
        f"{answers[0]}: answers test {test}, of which no *{KEY_SUFFIX} lies here or beside it; name it with --key"
    )


def read_all(paths: Sequence[Path], key: Key) -> Answers:
    """What all listeners answered.

    Raises:
        FlowshotError: a file is missing, is none of answers, answers another test, or two are of one listener.
    """
    file_of: dict[str, Path] = {}
    found = Answers([], [], [], [])
    for path in paths:
        raw = _read_answers(path)
        listener = raw["listener"]
        if raw["test"] != key.test:
            raise FlowshotError(f"{path}: answers test {raw['test']}, but the key is of {key.test}; leave it out")
        if listener in file_of:
            raise FlowshotError(f"{path}: {listener!r} answered in {file_of[listener]}, too; leave one of them out")
        file_of[listener] = path
        with _reading(path, *NO_ANSWERS):
            found.ratings.extend(_rating(each, listener, key) for each in raw["ratings"])
            found.preferences.extend(_preference(each, listener, key) for each in raw["preferences"])
        found.listeners.append(listener)
        if _answered(raw) < sum(map(len, key.screens)) + len(key.pairs):
            found.unfinished.append(listener)
    if not found.ratings and not found.preferences:
        raise FlowshotError(f"{paths[0]}: nothing is answered in the files; answer at least one screen or pair")
    return found


def _read_answers(path: Path) -> dict[str, Any]:
    with _reading(path, *NO_ANSWERS):
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        require(raw["format"] == ANSWERS_FORMAT, f"its format is not {ANSWERS_FORMAT!r}")
        for name, kind in (("test", str), ("listener", str), ("ratings", list), ("preferences", list)):
            require(isinstance(raw[name], kind), f"{name} is no {kind.__name__}")
        require(_answered(raw) == len(raw["ratings"]) + len(raw["preferences"]), "a question is answered twice")
    return raw


def _answered(raw: dict[str, Any]) -> int:
    """How many questions the file answers."""
    return len({each["clip"] for each in raw["ratings"]}) + len({each["pair"] for each in raw["preferences"]})


def _rating(each: dict[str, Any], listener: str, key: Key) -> Rating:
    score, screen, clip = each["score"], each["screen"], each["clip"]
    number = isinstance(score, int | float) and not isinstance(score, bool)
    require(number and 0 <= score <= 100, f"{score!r} is no score from 0 to 100")
    require(type(screen) is int and screen >= 0 and clip in key.screens[screen], f"clip {clip!r} is not on its screen")
    return Rating(listener, screen, key.systems[clip], float(score))


def _preference(each: dict[str, Any], listener: str, key: Key) -> Preference:
    pair, chosen = each["pair"], each["chosen"]
    require(type(pair) is int and pair >= 0 and chosen in key.pairs[pair], f"clip {chosen!r} is not in its pair")
    other = next(name for name in key.pairs[pair] if name != chosen)
    return Preference(listener, pair, key.systems[chosen], key.systems[other])


@contextmanager
def _reading(path: Path, problem: str, remedy: str) -> Iterator[None]:
    """Raise FlowshotError, one line, where the block cannot make sense of the file."""
    try:
        yield
    except OSError as error:
        raise FlowshotError(f"{path}: cannot be read ({error.strerror}); give a file that exists") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FlowshotError(f"{path}: is no JSON ({error}); {remedy}") from None
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        known = {KeyError: f"{error} is missing", ValueError: str(error)}
        what = known.get(type(error), "something in it has another form")
        raise FlowshotError(f"{path}: {problem} ({what}); {remedy}") from None
