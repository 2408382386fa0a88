import math

import pytest
import torch

from flowshot.listening.hearing import k_weighting, mel_filters
from flowshot.training.distances import (
    energy_distance,
    linear_distance,
    log_distance,
    log_magnitude,
    loudness_distance,
    mel_distance,
    texture_distance,
    transient_distance,
    waveform_distance,
)
from flowshot.training.spectrum import magnitude

FLOOR = 1e-4


def noise(batch, samples, seed=0, level=0.3):
    return level * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def spectra(*clips, fft_size=512):
    return [magnitude(clip, fft_size, torch.hann_window(fft_size)) for clip in clips]


def logarithms(pair, floor=FLOOR):
    return [log_magnitude(spectrum, floor) for spectrum in pair]


def test_a_faint_hiss_in_silence_is_heard_by_the_log_terms_and_not_by_the_linear_one():
    burst = torch.zeros(1, 4000)
    burst[:, :500] = noise(1, 500)
    hissing = burst + noise(1, 4000, seed=1, level=1e-3)
    assert linear_distance(*spectra(hissing, burst)) < 0.02
    assert log_distance(*logarithms(spectra(hissing, burst))) > 0.2
    assert energy_distance(hissing, burst, FLOOR) > 1.0


def test_half_the_level_is_a_distance_of_half_and_of_log_two():
    clips = noise(1, 8000)
    pair = spectra(clips / 2, clips)
    assert linear_distance(*pair) == pytest.approx(0.5, abs=1e-3)
    assert log_distance(*logarithms(pair, 1e-9)) == pytest.approx(math.log(2), abs=1e-3)
    assert mel_distance(*pair, mel_filters(32, 512, 16000), 1e-9) == pytest.approx(math.log(2), abs=1e-3)
    assert loudness_distance(*pair, k_weighting(512, 16000), 1e-9) == pytest.approx(math.log(2), abs=1e-3)
    assert energy_distance(clips / 2, clips, 1e-9) == pytest.approx(math.log(2), abs=1e-3)
    assert waveform_distance(clips / 2, clips) == pytest.approx(0.5, abs=5e-3)


def test_loudness_hears_a_tone_at_two_kilohertz_and_hardly_one_at_thirty_hertz():
    time = torch.arange(16000) / 16000
    quiet = 0.01 * torch.sin(2 * math.pi * 500 * time)[None]
    bass, treble = (quiet + 0.01 * torch.sin(2 * math.pi * hertz * time)[None] for hertz in (30, 2000))
    weighting = k_weighting(2048, 16000)
    heard = [loudness_distance(*spectra(sound, quiet, fft_size=2048), weighting, FLOOR) for sound in (bass, treble)]
    assert heard[0] < 0.2 * heard[1]


def test_an_attack_that_is_missing_costs_and_a_faster_decay_does_not():
    time = torch.arange(-1600, 8000) / 16000
    tone = torch.sin(2 * math.pi * 1000 * time)[None] * (time >= 0)
    struck, faster = (tone * torch.exp(-rate * time) for rate in (6, 9))
    swelling = tone * (time / 0.25).clamp(0, 1) * torch.exp(-6 * time)
    filters = mel_filters(16, 128, 16000)
    costs = [transient_distance(*spectra(sound, struck, fft_size=128), filters, 1e-2) for sound in (faster, swelling)]
    assert costs[0] < 0.1 * costs[1]


def test_one_frame_has_no_transient():
    frame = torch.rand(2, 65, 1)
    assert transient_distance(frame, 2 * frame, torch.ones(1, 65) / 65, FLOOR).tolist() == [0, 0]


def test_texture_tells_noise_from_steady_sound_where_log_magnitudes_prefer_what_is_steady():
    recording, other = noise(1, 32000), noise(1, 32000, seed=1)
    # Periodic in the FFT's size, with flat magnitudes: each bin is a steady tone.
    phases = 2 * math.pi * torch.rand(257, generator=torch.Generator().manual_seed(2))
    period = torch.fft.irfft(torch.polar(torch.ones(257), phases))
    steady = (period * 0.3 / period.std()).repeat(63)[None, :32000]
    pairs = [spectra(sound, recording) for sound in (other, steady)]
    by_magnitude, by_texture = (
        [distance(*logarithms(pair)) for pair in pairs] for distance in (log_distance, texture_distance)
    )
    assert by_magnitude[1] < by_magnitude[0]
    assert by_texture[1] > 1.3 * by_texture[0]


@pytest.mark.parametrize("frames", [1, 3])
def test_texture_of_fewer_frames_than_it_compares_is_a_number(frames):
    pair = torch.rand(2, 2, 65, frames)
    assert torch.isfinite(texture_distance(*logarithms(pair))).all()
    silent = torch.zeros(1, 65, frames, requires_grad=True)
    texture_distance(*logarithms((silent, pair[1, :1]))).sum().backward()
    assert torch.isfinite(silent.grad).all()
