"""Music: a chord stab, a bass note, a plucked string, a bell, and a short loop of drums."""

import numpy as np

from flowshot.sources.synthesis.drums import hat, kick, snare
from flowshot.sources.synthesis.envelopes import (
    attack_curve,
    exponential_decay,
    ringing_time,
    settling,
    time_axis,
)
from flowshot.sources.synthesis.filters import low_pass, moving_filter, normalised, saturate
from flowshot.sources.synthesis.oscillators import modulated_sine, plucked_string, saw, sine, square
from flowshot.sources.synthesis.parameters import Values, instruments

# Semitones above the root: minor, major, suspended fourth, minor seventh, major seventh, minor ninth.
CHORDS = ((0, 3, 7), (0, 4, 7), (0, 5, 7), (0, 3, 7, 10), (0, 4, 7, 11), (0, 3, 10, 14))

# Kick, snare and hi-hat over eight steps, two beats of sixteenths.
PATTERNS = (
    ("x.......", "....x...", "x.x.x.x."),
    ("x...x...", "....x...", "..x...x."),
    ("x..x....", "....x...", "x.x.x.x."),
    ("x.....x.", "....x...", "xxxxxxxx"),
    ("x..x..x.", "....x..x", "x.x.x.x."),
    ("x.x.....", "....x...", "xx.xx.xx"),
    ("x....x..", "..x...x.", "x.x.x.xx"),
    ("x...x...", "....x.xx", "x.xxx.x."),
)


def chord(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Detuned sawtooths on each note of a chord through a low-pass that closes: a stab."""
    time = ringing_time(values["decay"], sample_rate)
    apart = 2 ** (values["detune"] / 2400)
    tone = np.zeros_like(time)
    for semitones in CHORDS[int(values["chord"])]:
        pitch = values["pitch"] * 2 ** (semitones / 12)
        for frequency in (pitch * apart, pitch / apart):
            tone += saw(frequency * time + generator.random())
    closing = settling(time, 0.6 * values["decay"])
    cutoff = values["brightness"] * 2.0 ** (values["filter_sweep"] * closing)
    tone = moving_filter("low_pass", tone, cutoff, sample_rate, values["resonance"])
    return tone * exponential_decay(time, values["decay"]) * attack_curve(time, values["attack"])


def bass(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """One oscillator between sawtooth and square through a resonant low-pass that closes, over a sine."""
    time = ringing_time(values["decay"], sample_rate)
    cycles = values["pitch"] * time
    start = generator.random()
    tone = (1 - values["shape"]) * saw(cycles + start) + values["shape"] * square(cycles + start)
    closing = settling(time, 0.5 * values["decay"])
    cutoff = values["brightness"] * 2.0 ** (values["filter_sweep"] * closing)
    tone = normalised(moving_filter("low_pass", tone, cutoff, sample_rate, values["resonance"]))
    held = np.minimum(1.0, 5.0 * exponential_decay(time, values["decay"]))  # a held note, then its release
    return saturate((tone + values["sub"] * sine(cycles)) * attack_curve(time, 0.003) * held, values["drive"])


def pluck(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A plucked string: one period of noise, combed by where the string is plucked, in a lossy loop."""
    time = ringing_time(values["decay"], sample_rate)
    period = sample_rate / values["pitch"]
    pick = np.zeros_like(time)
    samples = min(len(time), round(period))
    pick[:samples] = generator.uniform(-1, 1, samples)
    delay = max(1, round(values["position"] * period))
    pick[delay:] -= pick[:-delay].copy()
    pick = low_pass(pick, 2.5 * values["brightness"], sample_rate)
    string = plucked_string(pick, values["pitch"], values["decay"], values["brightness"], sample_rate)
    return string * attack_curve(time, 0.001)


def bell(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Frequency modulation with an inharmonic ratio whose index fades with the tone; two, a little apart, beat."""
    time = ringing_time(values["decay"], sample_rate)
    level = exponential_decay(time, values["decay"])
    index = values["index"] * exponential_decay(time, 0.8 * values["decay"])
    apart = 2 ** (values["detune"] / 2400)
    tone = np.zeros_like(time)
    for pitch in (values["pitch"] * apart, values["pitch"] / apart):
        carrier = np.full_like(time, pitch)
        tone += modulated_sine(carrier, carrier * values["ratio"], index, sample_rate)
    strike = low_pass(generator.standard_normal(len(time)), 6000.0, sample_rate) * exponential_decay(time, 0.03)
    return (normalised(tone) + values["click"] * normalised(strike)) * level * attack_curve(time, 0.001)


def loop(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Two beats of kick, snare and hi-hat, cut so that they repeat without a gap."""
    step = 60 / values["tempo"] / 4
    time = time_axis(8 * step, sample_rate)
    level = 10 ** (values["hat_level"] / 20)
    audio = np.zeros_like(time)
    for part, gain, pattern in zip(
        _drums(values, sample_rate, generator), (1.0, 0.8, level), PATTERNS[int(values["pattern"])], strict=True
    ):
        sound = gain * normalised(part)
        for number, mark in enumerate(pattern):
            late = (2 * values["swing"] - 1) * step if number % 2 else 0.0
            start = round((number * step + late) * sample_rate)
            if mark == "x":
                end = min(len(audio), start + len(sound))
                audio[start:end] += sound[: end - start]
    return saturate(audio, 3.0)


def _drums(values: Values, sample_rate: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    low = {"pitch": values["pitch"], "decay": values["decay"], "drive": 6.0}
    low |= {"pitch_sweep": 2.5, "sweep_time": 0.06, "click": 0.3, "brightness": 3000.0}
    middle = {"pitch": values["snare_pitch"], "decay": 0.15, "noise_decay": values["noise_decay"]}
    middle |= {"pitch_sweep": 0.4, "noise_mix": 0.6, "brightness": 8000.0}
    high = {"pitch": 480.0, "decay": values["hat_decay"], "noise_mix": 0.4, "brightness": values["brightness"]}
    return (
        kick(low, sample_rate, generator),
        snare(middle, sample_rate, generator),
        hat(high, sample_rate, generator),
    )


MUSIC = instruments(chord, bass, pluck, bell, loop)
