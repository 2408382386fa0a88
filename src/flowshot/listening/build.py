"""A listening test out of clips: the page for listeners, and the key to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowshot.listening.anchor import low_anchor
from flowshot.listening.answers import key_entry
from flowshot.listening.design import ANCHOR, REAL, Stimulus, make_design
from flowshot.listening.loudness import match_loudness
from flowshot.listening.page import flac_address, page_text, test_of


@dataclass(frozen=True)
class ListeningTest:
    """`page` is the text of the HTML file, `key` what each of its identifiers stands for, `clips` how many there are.

    All clips play at `level` LUFS, but for `unmatched` ones: `(system, row)` of silence and of what is too short.
    """

    test: str
    page: str
    key: dict[str, Any]
    clips: int
    level: float
    unmatched: list[tuple[str, int]]


def build_test(
    arms: dict[str, np.ndarray],
    real: np.ndarray,
    sample_rate: int,
    screens: int,
    pairs: int,
    facts: dict[str, Any],
    generator: np.random.Generator,
) -> ListeningTest:
    """Draw, match and name the clips of a test.

    Args:
        arms: clips `[n, samples]` of each arm.
        real: held-out recordings `[n, samples]`; hidden among the arms, and made bad as anchors.
        sample_rate: of all of them.
        screens: how many are rated.
        pairs: how many are compared.
        facts: where clips came from, for the key.
        generator: of every draw.

    Raises:
        ValueError: a drawn clip holds NaN or infinity.
    """
    available = {**{name: len(clips) for name, clips in arms.items()}, REAL: len(real)}
    design = make_design(list(arms), available, screens, pairs, generator)
    names = list(design.stimuli)
    stimuli = [design.stimuli[name] for name in names]
    drawn = np.stack([_clip(each, arms, real) for each in stimuli])
    anchors = [row for row, each in enumerate(stimuli) if each.system == ANCHOR]
    if anchors:
        drawn[anchors] = low_anchor(drawn[anchors], sample_rate, generator)
    matched = match_loudness(drawn, sample_rate)
    audio = {name: flac_address(clip, sample_rate) for name, clip in zip(names, matched.clips, strict=True)}
    test = test_of(design, audio)
    unmatched = [(stimuli[row].system, stimuli[row].row) for row in matched.unmatched]
    about = {**facts, "sample_rate": sample_rate, "loudness_lufs": matched.level, "unmatched": unmatched}
    key = key_entry(test["test"], list(arms), design, about)
    return ListeningTest(test["test"], page_text(test), key, len(names), matched.level, unmatched)


def _clip(stimulus: Stimulus, arms: dict[str, np.ndarray], real: np.ndarray) -> np.ndarray:
    clips = arms.get(stimulus.system, real)
    return np.asarray(clips[stimulus.row], dtype=np.float32)
