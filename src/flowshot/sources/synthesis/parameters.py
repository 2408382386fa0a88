"""The parameters of the `synth` dataset, which are its known factors of variation, as classes.toml lists them."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Values = Mapping[str, float]
# voice(values, sample_rate, generator): audio [samples] of at most one second, at any level; only what is noise in it
# comes from the generator.
Voice = Callable[[Values, int, np.random.Generator], np.ndarray]

TABLES = tomllib.loads(Path(__file__).with_name("classes.toml").read_text(encoding="utf-8"))
PARAMETERS: dict[str, tuple[str, str]] = TABLES["parameters"]  # unit and meaning


@dataclass(frozen=True)
class Range:
    """Where a parameter of a class may lie, and on which scale it is evenly spread."""

    low: float
    high: float
    scale: Literal["linear", "log", "integer"] = "linear"

    def at(self, position: float) -> float:
        """The value at `position` in [0, 1], to five digits: what a table shows is then what was played."""
        if self.scale == "integer":
            return float(min(self.high, np.floor(self.low + position * (self.high - self.low + 1))))
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** position
        else:
            value = self.low + (self.high - self.low) * position
        return float(f"{value:.5g}")


@dataclass(frozen=True)
class Instrument:
    """A class of the dataset: its kind (one_shot, effect or music), how it sounds, and the range of each parameter."""

    kind: str
    voice: Voice
    ranges: Mapping[str, Range]


def instruments(*voices: Voice) -> dict[str, Instrument]:
    """The classes that these functions play, by their names."""
    found = {}
    for voice in voices:
        table = TABLES["classes"][voice.__name__]
        ranges = {name: Range(*bounds) for name, bounds in table["ranges"].items()}
        found[voice.__name__] = Instrument(table["kind"], voice, ranges)
    return found
