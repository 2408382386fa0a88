"""One-shots: the drums."""

import numpy as np

from flowshot.sources.synthesis.envelopes import (
    attack_curve,
    exponential_decay,
    ringing_time,
    settling,
    swept_pitch,
)
from flowshot.sources.synthesis.filters import band_pass, high_pass, low_pass, normalised, saturate
from flowshot.sources.synthesis.oscillators import MEMBRANE_MODES, phase, sine, square
from flowshot.sources.synthesis.parameters import Values, instruments

# Six square waves that share no harmonic make the metal of a hi-hat; frequencies over the lowest.
METAL = (1.0, 1.342, 1.516, 1.801, 2.626, 3.952)


def kick(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A sine that falls fast onto its pitch, a click of the beater, and saturation."""
    time = ringing_time(values["decay"], sample_rate)
    pitch = swept_pitch(time, values["pitch"], values["pitch_sweep"], values["sweep_time"])
    body = sine(phase(pitch, sample_rate)) * exponential_decay(time, values["decay"])
    beater = low_pass(generator.standard_normal(len(time)), values["brightness"], sample_rate)
    beater = normalised(beater * exponential_decay(time, 0.03))
    return saturate(body + values["click"] * beater, values["drive"])


def snare(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """The first two modes of a membrane, and the noise of the wires that rattle under it."""
    time = ringing_time(max(values["decay"], values["noise_decay"]), sample_rate)
    pitch = swept_pitch(time, values["pitch"], values["pitch_sweep"], 0.03)
    head = sine(phase(pitch, sample_rate)) * exponential_decay(time, values["decay"])
    head += 0.5 * sine(phase(pitch * MEMBRANE_MODES[1], sample_rate)) * exponential_decay(time, 0.7 * values["decay"])
    wires = low_pass(generator.standard_normal(len(time)), values["brightness"], sample_rate)
    wires = high_pass(wires, 700.0, sample_rate) * exponential_decay(time, values["noise_decay"])
    wires *= attack_curve(time, 0.002)
    return _mix(head, wires, values["noise_mix"])


def hat(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Six detuned squares and noise above a high cutoff; a short decay is a closed hat, a long one an open hat."""
    time = ringing_time(values["decay"], sample_rate)
    starts = generator.random(len(METAL))  # free-running oscillators, as in the drum machines
    metal = np.zeros_like(time)
    for ratio, start in zip(METAL, starts, strict=True):
        metal += square(values["pitch"] * ratio * time + start)
    noise = generator.standard_normal(len(time))
    both = _mix(metal, noise, values["noise_mix"])
    for _ in range(2):  # 24 dB an octave
        both = high_pass(both, values["brightness"], sample_rate)
    return both * exponential_decay(time, values["decay"]) * attack_curve(time, 0.0005)


def tom(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Membrane modes, the higher ones shorter, that fall together onto their pitch, and the stroke of the stick."""
    time = ringing_time(values["decay"], sample_rate)
    pitch = swept_pitch(time, values["pitch"], values["pitch_sweep"], values["sweep_time"])
    body = np.zeros_like(time)
    for number, ratio in enumerate(MEMBRANE_MODES):
        level = 1.0 if number == 0 else values["overtones"] / number
        body += level * sine(phase(pitch * ratio, sample_rate)) * exponential_decay(time, values["decay"] / ratio)
    stroke = low_pass(generator.standard_normal(len(time)), values["brightness"], sample_rate)
    return _mix(body, stroke * exponential_decay(time, 0.05), values["noise_mix"])


def clap(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Bursts of noise, one for each pair of hands, the last of which rings on as the room does."""
    hits = int(values["hits"])
    time = ringing_time(values["decay"] + hits * values["spread"], sample_rate)
    level = np.zeros_like(time)
    for hit in range(hits):
        since = time - hit * values["spread"] * (1 + 0.15 * generator.uniform(-1, 1))
        last = hit == hits - 1
        level = np.maximum(level, exponential_decay(since, 0.025) * generator.uniform(0.7, 1.0))
        level = np.maximum(level, 0.5 * exponential_decay(since, values["decay"])) if last else level
    noise = band_pass(generator.standard_normal(len(time)), values["brightness"], sample_rate, values["resonance"])
    return high_pass(noise * level, 400.0, sample_rate)


def cowbell(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Two squares a little more than a fifth apart through a band-pass: a sharp stroke, then a ring."""
    time = ringing_time(values["decay"], sample_rate)
    start = generator.random(2)
    tone = square(values["pitch"] * time + start[0]) + square(values["pitch"] * values["ratio"] * time + start[1])
    tone = band_pass(tone, values["brightness"], sample_rate, values["resonance"])
    level = 0.6 * settling(time, 0.03) + 0.4 * exponential_decay(time, values["decay"])
    return saturate(tone * level * attack_curve(time, 0.001), values["drive"])


def _mix(tone: np.ndarray, noise: np.ndarray, share: float) -> np.ndarray:
    """The two at equal peaks, weighted by the share of the noise."""
    return (1 - share) * normalised(tone) + share * normalised(noise)


DRUMS = instruments(kick, snare, hat, tom, clap, cowbell)
