import math

import pytest
import torch

from flowshot.models.autoencoders.vae.tones import ToneBank

FRAMES = 400


def rung(bands, band, place, phase=0.25, amplitude=0.5):
    """One sinusoid alone, and its angular frequency a sample."""
    amplitudes, places = torch.zeros(1, bands, FRAMES), torch.full((1, bands, FRAMES), 0.5)
    amplitudes[0, band], places[0, band] = amplitude, place
    waveform = ToneBank(bands)(amplitudes, places, torch.full((1, bands), phase))[0].double()
    return waveform, math.pi * (band + place) / bands


@pytest.mark.parametrize("bands", [2, 16, 32])
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_a_tone_is_a_sinusoid_of_its_frequency_amplitude_and_phase_and_nothing_else(bands, place):
    for band in (0, bands // 2, bands - 1):
        waveform, frequency = rung(bands, band, place)
        if math.sin(frequency) < 1e-6:  # at 0 and at the Nyquist frequency a sinusoid has no phase of its own
            continue
        expected = 0.5 * torch.cos(frequency * torch.arange(len(waveform)) + 2 * math.pi * 0.25)
        inner = slice(8 * bands, -8 * bands)
        error = (waveform - expected)[inner].square().mean() / expected[inner].square().mean()
        assert 10 * math.log10(float(error)) < (-55 if place == 0.3 else -40)  # the latter where two bands meet


def test_a_tone_keeps_its_phase_to_the_end_of_a_minute():
    bands, frames = 32, 60 * 48000 // 32
    places, phases = torch.full((1, bands, frames), 0.3), torch.full((1, bands), 0.3)
    amplitudes = torch.zeros(1, bands, frames)
    amplitudes[0, -1] = 0.5
    end = ToneBank(bands)(amplitudes, places, phases)[0, -20 * bands : -8 * bands].double()
    frequency = (bands - 1 + float(places[0, 0, 0])) / 2
    samples = torch.arange(bands * frames, dtype=torch.double)[-20 * bands : -8 * bands]
    expected = 0.5 * torch.cos(2 * math.pi * (frequency / bands * samples + float(phases[0, 0])))
    assert 10 * math.log10(float((end - expected).square().mean() / expected.square().mean())) < -30


def test_a_tone_is_heard_in_its_band_alone_wherever_it_lies_there():
    for place in (0.05, 0.5, 0.95):
        waveform, _ = rung(bands=16, band=5, place=place)
        spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform), dtype=torch.double)).abs().square()
        by_band = spectrum[:-1].unflatten(0, (16, -1)).sum(-1)
        assert by_band[5] / by_band.sum() > 0.99


def test_amplitudes_rise_and_fall_with_their_frames():
    amplitudes, places = torch.zeros(1, 16, FRAMES), torch.full((1, 16, FRAMES), 0.5)
    amplitudes[:, :, FRAMES // 2 :] = 1.0
    waveform = ToneBank(16)(amplitudes, places, torch.full((1, 16), 0.5))[0]
    middle = len(waveform) // 2
    assert waveform[: middle - 5 * 16].abs().max() == 0
    assert waveform[middle + 5 * 16 :].square().mean() == pytest.approx(16 / 2, rel=0.1)


def test_a_tone_may_move_and_its_phase_does_not_jump():
    bands, start, end = 16, 0.2, 0.8
    amplitudes, places = torch.zeros(1, bands, FRAMES), torch.zeros(1, bands, FRAMES)
    amplitudes[0, 5], places[0, 5] = 0.5, torch.linspace(start, end, FRAMES)
    waveform = ToneBank(bands)(amplitudes, places, torch.zeros(1, bands))[0].double()
    time = torch.arange(len(waveform), dtype=torch.double)
    # The integral of a frequency that grows linearly, in radians a sample; a frame's own frequency begins with it.
    slope = (end - start) / (FRAMES - 1) / bands
    turns = math.pi / bands * ((5 + start) * time + slope * time * (time - bands) / 2)
    inner = slice(8 * bands, -8 * bands)
    error = (waveform - 0.5 * torch.cos(turns))[inner].square().mean() / 0.125
    assert 10 * math.log10(float(error)) < -40


def test_its_gradient_reaches_every_amplitude():
    amplitudes = torch.rand(2, 12, 9, requires_grad=True)
    ToneBank(12)(amplitudes, torch.rand(2, 12, 9), torch.rand(2, 12)).square().sum().backward()
    assert (amplitudes.grad != 0).all()
