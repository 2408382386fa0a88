"""What a synthesis parameter is, and the one table that says what each of them means.

The parameters are the known factors of variation of the `synth` dataset: a clip is a function of its label,
its parameters and its noise. Each instrument gives its own range to the parameters that it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["one_shot", "effect", "music"]
Scale = Literal["linear", "log", "integer"]
Values = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """The name, unit and meaning that a parameter has in every instrument."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Range:
    """Where an instrument's parameter may lie, and on which scale it is evenly spread."""

    low: float
    high: float
    scale: Scale = "linear"

    def at(self, position: float) -> float:
        """The value at `position` in [0, 1], to five digits: what a table shows is then what was played."""
        if self.scale == "integer":
            return float(min(self.high, np.floor(self.low + position * (self.high - self.low + 1))))
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** position
        else:
            value = self.low + (self.high - self.low) * position
        return float(f"{value:.5g}")

    def contains(self, value: float) -> bool:
        """Whether `value` lies within the range, and is whole where only whole numbers count."""
        return self.low <= value <= self.high and (self.scale != "integer" or float(value).is_integer())


@dataclass(frozen=True)
class Instrument:
    """One class of the dataset: how it sounds, and the ranges of its parameters.

    `voice(values, sample_rate, generator)` returns audio `[samples]` of at most one second, at any level; only
    what is noise in it comes from the generator.
    """

    kind: Kind
    voice: Callable[[Values, int, np.random.Generator], np.ndarray]
    ranges: Mapping[str, Range]


PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        # Pitch
        Parameter("pitch", "Hz", "fundamental frequency once any sweep has settled; of a loop, of its kick"),
        Parameter("pitch_sweep", "octaves", "how far from `pitch` the sound starts: above it, a riser below it"),
        Parameter("sweep_time", "s", "time in which the pitch covers 95 % of its sweep"),
        Parameter("ratio", "1", "second frequency (upper oscillator, or modulator) over the first"),
        Parameter("detune", "cents", "distance between the two oscillators of a voice"),
        Parameter("chord", "index", "which chord: see CHORDS in music.py"),
        Parameter("snare_pitch", "Hz", "fundamental frequency of a loop's snare"),
        # Time
        Parameter("attack", "s", "time from silence to full level"),
        Parameter("decay", "s", "time in which the tone falls by 60 dB"),
        Parameter("noise_decay", "s", "time in which the noise falls by 60 dB"),
        Parameter("hat_decay", "s", "time in which a loop's hi-hats fall by 60 dB"),
        Parameter("length", "s", "length of a sound that does not decay of itself"),
        Parameter("tempo", "beats/min", "tempo; a step is a quarter of a beat"),
        Parameter("swing", "1", "place of the off-beat step within its pair; 0.5 is straight"),
        # Timbre
        Parameter("brightness", "Hz", "cutoff or centre of the main filter, where its envelope settles or is open"),
        Parameter("filter_sweep", "octaves", "how far from `brightness` the filter starts: above it, a riser below it"),
        Parameter("resonance", "1", "quality factor Q of the main filter"),
        Parameter("shape", "1", "waveform, from sawtooth (0) to square (1)"),
        Parameter("sub", "1", "level of the sine under the filtered oscillators"),
        Parameter("drive", "dB", "gain into a tanh saturation"),
        Parameter("index", "rad", "peak phase deviation of frequency modulation"),
        Parameter("slope", "dB/octave", "spectral slope of the noise: 0 white, -3 pink, -6 brown"),
        Parameter("overtones", "1", "level of the inharmonic modes beside the fundamental"),
        Parameter("position", "1", "where the string is plucked, as a fraction of its length"),
        # Balance
        Parameter("noise_mix", "1", "share of noise against tone, from 0 to 1"),
        Parameter("click", "1", "level of the beater's click"),
        Parameter("hat_level", "dB", "level of a loop's hi-hats beside its kick"),
        # Events
        Parameter("pattern", "index", "which drum pattern: see PATTERNS in music.py"),
        Parameter("hits", "count", "how many hands clap one after the other"),
        Parameter("spread", "s", "time between two hands of a clap"),
        Parameter("density", "1/s", "mean number of events (bubbles, crackles) per second"),
        Parameter("pitch_spread", "octaves", "standard deviation of the pitch from event to event"),
        Parameter("tremolo_rate", "Hz", "rate of the amplitude modulation"),
        Parameter("tremolo_depth", "1", "depth of the amplitude modulation, from 0 to 1"),
    )
}
