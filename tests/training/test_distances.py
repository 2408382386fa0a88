import math

import pytest
import torch

from flowshot.training import distances
from flowshot.training.distances import energy_distance, log_distance, log_magnitude, mel_distance
from flowshot.training.spectrum import magnitude, mel_filters


def noise(batch, samples, seed=0, level=0.3):
    return level * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def spectra(*clips, fft_size=512):
    return [magnitude(clip, fft_size, torch.hann_window(fft_size)) for clip in clips]


def logarithms(pair):
    return [log_magnitude(spectrum) for spectrum in pair]


def test_a_faint_hiss_in_silence_is_heard():
    burst = torch.zeros(1, 4000)
    burst[:, :500] = noise(1, 500)
    hissing = burst + noise(1, 4000, seed=1, level=1e-3)
    assert log_distance(*logarithms(spectra(hissing, burst))) > 0.2
    assert energy_distance(hissing, burst) > 1.0


def test_half_the_level_is_a_distance_of_log_two(monkeypatch):
    monkeypatch.setattr(distances, "FLOOR", 1e-9)
    clips = noise(1, 8000)
    pair = spectra(clips / 2, clips)
    assert log_distance(*logarithms(pair)) == pytest.approx(math.log(2), abs=1e-3)
    assert mel_distance(*pair, mel_filters(32, 512, 16000)) == pytest.approx(math.log(2), abs=1e-3)
    assert energy_distance(clips / 2, clips) == pytest.approx(math.log(2), abs=1e-3)


def test_log_magnitudes_prefer_a_steady_sound_of_the_right_level_to_other_noise():
    """Why decoders like to make tones of noise, and why arms are scored on `constant_tone`."""
    recording, other = noise(1, 32000), noise(1, 32000, seed=1)
    # Periodic in the FFT's size, with flat magnitudes: each bin is a steady tone.
    phases = 2 * math.pi * torch.rand(257, generator=torch.Generator().manual_seed(2))
    period = torch.fft.irfft(torch.polar(torch.ones(257), phases))
    steady = (period * 0.3 / period.std()).repeat(63)[None, :32000]
    of_noise, of_steady = (log_distance(*logarithms(spectra(sound, recording))) for sound in (other, steady))
    assert of_steady < of_noise
