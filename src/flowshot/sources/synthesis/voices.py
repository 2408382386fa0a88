"""The classes of the dataset `synth`, one function each: drums, sound effects, and music."""

import numpy as np
from scipy import signal

from flowshot.sources.synthesis.signals import (
    BAR_MODES,
    MEMBRANE_MODES,
    TABLES,
    Values,
    attack_curve,
    band_pass,
    damped_modes,
    exponential_decay,
    high_pass,
    low_pass,
    modulated_sine,
    moving_filter,
    normalised,
    phase,
    plucked_string,
    ringing_time,
    saturate,
    saw,
    settling,
    sine,
    sloped_noise,
    square,
    swept_pitch,
    time_axis,
    tremolo,
)

# Six square waves that share no harmonic make the metal of a hi-hat; frequencies over the lowest.
METAL = (1.0, 1.342, 1.516, 1.801, 2.626, 3.952)
RISE_DB = 36.0  # from the first moment of a riser to its end
CRACKLE_SECONDS = 0.0006  # time constant of one
CHORDS, PATTERNS = TABLES["chords"], TABLES["patterns"]


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
    modes = zip(BAR_MODES, (1.0, 0.8, 0.6, 0.4, 0.3), strict=True)
    rings = [(7.3 * values["pitch"] * mode, 0.7 * values["decay"] / mode**0.5, level) for mode, level in modes]
    ring = damped_modes(rings, time, sample_rate)
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


def _mix(tone: np.ndarray, noise: np.ndarray, share: float) -> np.ndarray:
    """The two at equal peaks, weighted by the share of the noise."""
    return (1 - share) * normalised(tone) + share * normalised(noise)


def _drums(values: Values, sample_rate: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    low = {"pitch": values["pitch"], "decay": values["decay"], "drive": 6.0,
           "pitch_sweep": 2.5, "sweep_time": 0.06, "click": 0.3, "brightness": 3000.0}  # fmt: skip
    middle = {"pitch": values["snare_pitch"], "decay": 0.15, "noise_decay": values["noise_decay"],
              "pitch_sweep": 0.4, "noise_mix": 0.6, "brightness": 8000.0}  # fmt: skip
    high = {"pitch": 480.0, "decay": values["hat_decay"], "noise_mix": 0.4, "brightness": values["brightness"]}
    return tuple(play(part, sample_rate, generator) for play, part in ((kick, low), (snare, middle), (hat, high)))


DRUMS = (kick, snare, hat, tom, clap, cowbell)
VOICES = (*DRUMS, riser, impact, noise, zap, bubbles, chord, bass, pluck, bell, loop)
