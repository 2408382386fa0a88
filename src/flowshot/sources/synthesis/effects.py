"""Sound effects: what moves, strikes, rustles, fires and bubbles."""

import numpy as np
from scipy import signal

from flowshot.sources.synthesis.envelopes import (
    attack_curve,
    exponential_decay,
    ringing_time,
    settling,
    swept_pitch,
    time_axis,
    tremolo,
)
from flowshot.sources.synthesis.filters import band_pass, low_pass, moving_filter, normalised, saturate, sloped_noise
from flowshot.sources.synthesis.oscillators import BAR_MODES, damped_modes, modulated_sine, phase, saw, sine
from flowshot.sources.synthesis.parameters import Values, instruments

RISE_DB = 36.0  # from the first moment of a riser to its end
CRACKLE_SECONDS = 0.0006  # time constant of one


def riser(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Noise through a resonant filter that opens, and two sawtooths that climb; both swell to the end."""
    time = time_axis(values["length"], sample_rate)
    progress = time / values["length"]
    cutoff = values["brightness"] * 2.0 ** (values["filter_sweep"] * (progress - 1))
    noise = moving_filter("band_pass", generator.standard_normal(len(time)), cutoff, sample_rate, values["resonance"])
    climb = phase(values["pitch"] * 2.0 ** (values["pitch_sweep"] * (progress - 1)), sample_rate)
    tone = low_pass(saw(climb) + saw(1.007 * climb), values["brightness"], sample_rate)
    share = values["noise_mix"]
    both = share * noise / noise.std() + (1 - share) * tone / tone.std()
    return both * 10 ** (RISE_DB * (progress - 1) / 20)


def impact(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A deep boom, a burst of noise that darkens as it fades, and the ring of what was struck."""
    time = ringing_time(max(values["decay"], values["noise_decay"]), sample_rate)
    pitch = swept_pitch(time, values["pitch"], values["pitch_sweep"], 0.3)
    boom = sine(phase(pitch, sample_rate)) * exponential_decay(time, values["decay"])
    cutoff = values["brightness"] * 2.0 ** (4 * (settling(time, 0.25) - 1))
    debris = moving_filter("low_pass", generator.standard_normal(len(time)), cutoff, sample_rate)
    debris = normalised(debris * exponential_decay(time, values["noise_decay"]))
    ring = damped_modes(
        [7.3 * values["pitch"] * mode for mode in BAR_MODES],
        [0.7 * values["decay"] / mode**0.5 for mode in BAR_MODES],
        [1.0, 0.8, 0.6, 0.4, 0.3],
        time,
        sample_rate,
    )
    share = values["noise_mix"]
    return saturate((1 - share) * boom + share * debris + 0.3 * values["overtones"] * ring, values["drive"])


def noise(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A texture: coloured noise through a band, breathing, with crackles in it - wind, rain, fire, radio."""
    time = time_axis(values["length"], sample_rate)
    coloured = sloped_noise(len(time), values["slope"], sample_rate, generator)
    bed = band_pass(coloured, values["brightness"], sample_rate, values["resonance"])
    bed = bed / bed.std() * tremolo(time, values["tremolo_rate"], values["tremolo_depth"])
    struck = generator.random(len(time)) < values["density"] / sample_rate
    strengths = struck * generator.exponential(1.0, len(time))
    level = signal.lfilter([1.0], [1.0, -np.exp(-1 / (CRACKLE_SECONDS * sample_rate))], strengths)
    crackles = band_pass(generator.standard_normal(len(time)) * level, 3000.0, sample_rate, 0.7)
    release = attack_curve(values["length"] - time, min(0.15, 0.3 * values["length"]))
    return (bed + 4 * crackles) * attack_curve(time, values["attack"]) * release


def zap(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A frequency-modulated tone that falls by octaves: a laser, a spark."""
    time = ringing_time(values["decay"], sample_rate)
    pitch = swept_pitch(time, values["pitch"], values["pitch_sweep"], values["sweep_time"])
    level = exponential_decay(time, values["decay"])
    tone = modulated_sine(pitch, pitch * values["ratio"], values["index"] * level, sample_rate)
    spark = band_pass(generator.standard_normal(len(time)), 4000.0, sample_rate, 0.7)
    share = values["noise_mix"]
    mix = (1 - share) * tone + share * normalised(spark) * settling(time, 0.1)
    return mix * level * attack_curve(time, 0.002)


def bubbles(values: Values, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Bubbles that rise in water, each a decaying sine whose pitch climbs as it nears the surface.

    K. van den Doel, "Physically based models for liquid sounds", ACM Transactions on Applied Perception 2(4), 2005.
    """
    time = time_axis(values["length"], sample_rate)
    audio = np.zeros_like(time)
    moment = 0.0
    while moment < 0.85 * values["length"]:
        pitch = values["pitch"] * 2.0 ** (values["pitch_spread"] * generator.standard_normal())
        decay = values["decay"] * min(2.0, (values["pitch"] / pitch) ** 0.5)
        start = int(moment * sample_rate)
        since = time[: min(len(time) - start, int(1.4 * decay * sample_rate))]
        climb = pitch * 2.0 ** (values["pitch_sweep"] * since / decay)
        bubble = sine(phase(np.minimum(climb, 0.45 * sample_rate), sample_rate))
        bubble *= exponential_decay(since, decay) * attack_curve(since, 0.003)
        audio[start : start + len(since)] += bubble * generator.uniform(0.3, 1.0)
        moment += generator.exponential(1 / values["density"])
    return audio * attack_curve(values["length"] - time, 0.1 * values["length"])


EFFECTS = instruments(riser, impact, noise, zap, bubbles)
