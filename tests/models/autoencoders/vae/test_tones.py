import math

import pytest
import torch

from flowshot.models.autoencoders.vae.tones import ToneBank

FRAMES = 400


def rung(bands, band, place, phase=0.25, amplitude=0.5):
    """One sinusoid alone, and its angular frequency a sample."""
    amplitudes, draws = torch.zeros(1, bands, FRAMES), torch.full((1, bands, 2), phase)
    amplitudes[0, band], draws[0, band, 0] = amplitude, place
    return ToneBank(bands)(amplitudes, draws)[0].double(), math.pi * (band + place) / bands


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
    draws = torch.full((1, bands, 2), 0.3)
    amplitudes = torch.zeros(1, bands, frames)
    amplitudes[0, -1] = 0.5
    end = ToneBank(bands)(amplitudes, draws)[0, -20 * bands : -8 * bands].double()
    # The frequency as the bank has it: that of the double differs by a sixty-millionth.
    frequency = float((bands - 1 + draws[0, 0, 0]) / 2)
    samples = torch.arange(bands * frames, dtype=torch.double)[-20 * bands : -8 * bands]
    expected = 0.5 * torch.cos(2 * math.pi * (frequency / bands * samples + float(draws[0, 0, 1])))
    assert 10 * math.log10(float((end - expected).square().mean() / expected.square().mean())) < -30


def test_a_tone_is_heard_in_its_band_alone_wherever_it_lies_there():
    for place in (0.05, 0.5, 0.95):
        waveform, _ = rung(bands=16, band=5, place=place)
        spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform), dtype=torch.double)).abs().square()
        by_band = spectrum[:-1].unflatten(0, (16, -1)).sum(-1)
        assert by_band[5] / by_band.sum() > 0.99


def test_amplitudes_rise_and_fall_with_their_frames():
    amplitudes, draws = torch.zeros(1, 16, FRAMES), torch.full((1, 16, 2), 0.5)
    amplitudes[:, :, FRAMES // 2 :] = 1.0
    waveform = ToneBank(16)(amplitudes, draws)[0]
    middle = len(waveform) // 2
    assert waveform[: middle - 5 * 16].abs().max() == 0
    assert waveform[middle + 5 * 16 :].square().mean() == pytest.approx(16 / 2, rel=0.1)


def test_its_gradient_reaches_every_amplitude():
    amplitudes = torch.rand(2, 12, 9, requires_grad=True)
    ToneBank(12)(amplitudes, torch.rand(2, 12, 2)).square().sum().backward()
    assert (amplitudes.grad != 0).all()
