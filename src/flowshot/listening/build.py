"""Build a listening test: the page for listeners, and its key."""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.listening.answers import KEY_FORMAT
from flowshot.listening.design import ANCHOR, REAL, make_design
from flowshot.listening.loudness import match_loudness

ID_DIGITS = 12  # of the name of a test
# Of the anchor.
CUTOFF = 3500.0  # Hz, that of the low-range anchor of ITU-R BS.1534-3
NOISE_DB = -30.0  # of the noise, relative to the clip's peak


def build_test(
    arms: dict[str, np.ndarray],
    real: np.ndarray,
    sample_rate: int,
    screens: int,
    pairs: int,
    facts: dict[str, Any],
    generator: np.random.Generator,
) -> tuple[str, dict[str, Any]]:
    """Draw, match and name the clips of a test; returns the text of its page, and the key to its identifiers.

    All clips play at `loudness_lufs` of the key, except its `unmatched`: `(system, row)` of silent and short clips.

    `real` are held-out recordings `[n, samples]`, as the clips of each arm are; they are hidden among the arms, and
    made bad as anchors. `facts` say for the key where clips came from. All clips must be finite.
    """
    available = {**{name: len(clips) for name, clips in arms.items()}, REAL: len(real)}
    design = make_design(list(arms), available, screens, pairs, generator)
    stimuli = list(design.stimuli.values())
    drawn = np.stack([np.asarray(arms.get(each.system, real)[each.row], dtype=np.float32) for each in stimuli])
    anchors = [row for row, each in enumerate(stimuli) if each.system == ANCHOR]
    if anchors:
        drawn[anchors] = low_anchor(drawn[anchors], sample_rate, generator)
    matched = match_loudness(drawn, sample_rate)
    # Data URIs of 16-bit FLAC, which every current browser plays without a server.
    encoded = [base64.b64encode(flac_bytes(clip, sample_rate)).decode("ascii") for clip in matched.clips]
    audio = {name: f"data:audio/flac;base64,{text}" for name, text in zip(design.stimuli, encoded, strict=True)}
    # The page contains no names of systems; clips are in the order of their identifiers, which are random.
    content: dict[str, Any] = {"screens": design.screens, "pairs": design.pairs, "example": design.example}
    content["clips"] = dict(sorted(audio.items()))
    test = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:ID_DIGITS]
    key = {
        "format": KEY_FORMAT, "test": test, "arms": list(arms), **facts, "sample_rate": sample_rate,
        "loudness_lufs": matched.level, "unmatched": [tuple(stimuli[row]) for row in matched.unmatched],
        "screens": design.screens, "pairs": design.pairs,
        "clips": {name: each._asdict() for name, each in sorted(design.stimuli.items())},
    }  # fmt: skip
    return _page_text({"test": test, **content}), key


def low_anchor(clips: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Real `clips: [n, samples]`, dull and noisy.

    Low-passed at 3.5 kHz as the standard's anchor is, and with steady white noise: of a bass drum nothing lies above
    3.5 kHz, and hiss where a sound should have ended is what decoders do wrong.
    """
    noise = generator.standard_normal(clips.shape)
    noise *= 10 ** (NOISE_DB / 20) * np.abs(clips).max(axis=1, keepdims=True)
    samples = clips.shape[1]
    frequency = np.fft.rfftfreq(2 * samples, 1 / sample_rate)
    # A Butterworth's magnitude of order 8: no ringing that is heard.
    gain = 1 / np.sqrt(1 + (frequency / CUTOFF) ** 16)
    passed = np.fft.irfft(np.fft.rfft(clips + noise, 2 * samples) * gain, 2 * samples)[:, :samples]
    return passed.astype(np.float32)


def _page_text(test: dict[str, Any]) -> str:
    folder = files("flowshot.listening") / "web"
    names = ("page.html", "page.css", "listener.js", "page.js")
    text, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
    # The only `<` that could end the element that holds it.
    data = json.dumps(test).replace("<", "\\u003c")
    return text.replace("/*STYLE*/", style).replace("/*SCRIPT*/", "\n".join(scripts)).replace("/*TEST*/", data)
