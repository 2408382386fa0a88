"""Oscillators, filters and envelopes do what their formulas say."""

import numpy as np
import pytest
from scipy import signal
from scipy.special import jv

from flowshot.core.randomness import numpy_generator
from flowshot.sources.synthesis.signals import (
    attack_curve,
    biquad,
    damped_modes,
    exponential_decay,
    finish,
    modulated_sine,
    moving_filter,
    phase,
    plucked_string,
    saturate,
    saw,
    sloped_noise,
    square,
    swept_pitch,
    time_axis,
    tremolo,
)
from flowshot.sources.synthesis.synthesizer import Range
from flowshot.sources.synthesis.voices import CHORDS, PATTERNS

RATE = 44100
SECOND = time_axis(1.0, RATE)


def power(audio: np.ndarray) -> np.ndarray:
    """Power at every whole frequency in Hz of one second of audio."""
    return np.abs(np.fft.rfft(audio * signal.windows.blackmanharris(len(audio)))) ** 2


def off_harmonics(audio: np.ndarray, pitch: int) -> float:
    """Share in dB of the power below 15 kHz that lies beside the multiples of `pitch`."""
    spectrum = power(audio)[:15000]
    distance = np.abs((np.arange(len(spectrum)) + pitch / 2) % pitch - pitch / 2)
    return 10 * np.log10(spectrum[distance > 6].sum() / spectrum.sum())


@pytest.mark.parametrize("pitch", [441, 1117, 1873])
@pytest.mark.parametrize("wave", [saw, square])
def test_smoothed_waveforms_alias_far_less_than_plain_ones(wave, pitch: int):
    plain = 2 * (pitch * SECOND % 1) - 1
    if wave is square:
        plain = np.sign(plain)
    assert off_harmonics(wave(pitch * SECOND + 0.1), pitch) < off_harmonics(plain, pitch) - 12


def test_a_saw_has_all_harmonics_and_a_square_only_the_odd_ones():
    saws, squares = power(saw(200 * SECOND)), power(square(200 * SECOND))
    for number in range(2, 8):
        fall = 10 * np.log10(saws[200 * number] / saws[200])
        assert fall == pytest.approx(-20 * np.log10(number), abs=0.5)
        fall = 10 * np.log10(squares[200 * number] / squares[200])
        assert fall < -60 if number % 2 == 0 else fall == pytest.approx(-20 * np.log10(number), abs=0.5)


@pytest.mark.parametrize("sample_rate", [16000, 44100])
@pytest.mark.parametrize("pitch", [98.0, 261.6, 523.3])
def test_a_string_sounds_at_its_pitch_and_decays_in_its_time(pitch: float, sample_rate: int):
    time = time_axis(1.0, sample_rate)
    excitation = np.zeros_like(time)
    excitation[: int(sample_rate / pitch)] = numpy_generator(0, "test").uniform(-1, 1, int(sample_rate / pitch))
    string = plucked_string(excitation, pitch, 0.6, 5000.0, sample_rate)
    around = np.convolve(string * np.exp(-2j * np.pi * pitch * time), np.hanning(int(4 * sample_rate / pitch)), "same")
    first, last = round(0.15 * sample_rate), round(0.35 * sample_rate)
    turns = np.unwrap(np.angle(around[first:last])) / (2 * np.pi)
    assert abs(turns[-1] - turns[0]) / 0.2 < 0.003 * pitch  # Hz: less than 5 cents
    fall = 20 * np.log10(abs(around[last]) / abs(around[first]))
    assert fall == pytest.approx(-60 * 0.2 / 0.6, rel=0.15)


def test_frequency_modulation_has_the_side_bands_of_bessel():
    index = 1.5
    constant = np.ones_like(SECOND)
    spectrum = power(modulated_sine(3000 * constant, 400 * constant, index * constant, RATE)) ** 0.5
    for order in range(4):
        expected = abs(jv(order, index) / jv(0, index))
        assert spectrum[3000 + 400 * order] / spectrum[3000] == pytest.approx(expected, rel=0.02)


def test_frequency_modulation_does_not_fold_back():
    constant = np.ones_like(SECOND)
    audio = modulated_sine(9000 * constant, 3000 * constant, 50 * constant, RATE)
    assert off_harmonics(audio, 3000) < -40


def test_modes_above_the_sample_rate_are_left_out():
    time = time_axis(0.2, 8000)
    assert not damped_modes([(3900.0, 0.1, 1.0), (50000.0, 0.1, 1.0)], time, 8000).any()
    assert damped_modes([(390.0, 0.1, 1.0)], time, 8000).any()


@pytest.mark.parametrize(("kind", "at_cutoff"), [("low_pass", -3.0), ("high_pass", -3.0), ("band_pass", 0.0)])
def test_a_filter_has_its_cutoff_where_it_is_asked_for(kind, at_cutoff: float):
    b, a = biquad(kind, 1000.0, 0.7071, RATE)
    _, response = signal.freqz(b, a, worN=[100, 1000, 10000], fs=RATE)
    low, middle, high = 20 * np.log10(np.abs(response))
    assert middle == pytest.approx(at_cutoff, abs=0.02)
    assert (low > -0.1) == (kind == "low_pass")
    assert (high > -0.1) == (kind == "high_pass")


def test_a_moving_filter_that_stands_still_is_a_filter():
    noise = numpy_generator(0, "test").standard_normal(5000)
    still = signal.lfilter(*biquad("low_pass", 900.0, 2.0, RATE), noise)
    assert np.allclose(moving_filter("low_pass", noise, np.full(5000, 900.0), RATE, 2.0), still)


@pytest.mark.parametrize("slope", [-6.0, -3.0, 0.0])
def test_noise_has_its_slope(slope: float):
    noise = sloped_noise(RATE, slope, RATE, numpy_generator(0, "test"))
    assert noise.std() == pytest.approx(1.0)
    frequencies, density = signal.welch(noise, RATE, nperseg=2048)
    levels = [10 * np.log10(density[(frequencies > f / 1.2) & (frequencies < f * 1.2)].mean()) for f in (500, 8000)]
    assert (levels[1] - levels[0]) / 4 == pytest.approx(slope, abs=0.4)  # four octaves


def test_saturation_stays_within_one_and_makes_quiet_parts_louder():
    tone = np.sin(2 * np.pi * 100 * SECOND) * exponential_decay(SECOND, 0.5)
    driven = saturate(tone, 12.0)
    assert np.abs(driven).max() < 1.05
    assert driven.std() > 1.3 * tone.std()


def test_envelopes_have_their_times():
    assert exponential_decay(np.array([-0.1, 0.0, 0.25]), 0.25) == pytest.approx([0.0, 1.0, 0.001])
    assert attack_curve(np.array([0.0, 0.05, 0.1, 0.2]), 0.1) == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert swept_pitch(np.array([0.0, 10.0]), 50.0, 2.0, 0.1) == pytest.approx([200.0, 50.0])
    assert tremolo(np.array([0.0, 0.25]), 2.0, 0.6) == pytest.approx([1.0, 0.4])
    assert len(time_axis(5.0, 8000)) == 8000


def test_phase_is_the_integral_of_frequency():
    assert phase(np.full(101, 50.0), 1000)[[0, 20, 100]] == pytest.approx([0.0, 1.0, 5.0])


def test_finishing_takes_away_dc_and_clicks():
    audio = finish(1.0 + np.sin(2 * np.pi * 300 * SECOND), RATE)
    assert abs(audio.mean()) < 1e-3
    assert audio[0] == audio[-1] == 0.0
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20))


def test_a_range_is_spread_evenly_on_its_scale():
    assert [Range(100, 10000, "log").at(position) for position in (0, 0.5, 1)] == [100, 1000, 10000]
    assert [Range(-2, 4).at(position) for position in (0, 0.5, 1)] == [-2, 1, 4]
    whole = [Range(0, 3, "integer").at(position) for position in np.linspace(0, 1, 4001)]
    assert [whole.count(value) for value in (0, 1, 2, 3)] == pytest.approx([1000] * 4, abs=2)


def test_chords_and_patterns_are_all_different_and_well_formed():
    assert len(set(map(tuple, CHORDS))) == len(CHORDS)
    assert len(set(map(tuple, PATTERNS))) == len(PATTERNS)
    for pattern in PATTERNS:
        assert all((len(line) == 8 and set(line) == {"x", "."}) or line == "x" * 8 for line in pattern)
