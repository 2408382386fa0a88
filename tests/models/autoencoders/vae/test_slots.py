import math

import pytest
import torch

from flowshot.models.autoencoders.vae.slots import SLOT_FRAMES, TONE, Slots, measure

BANDS, RATE = 32, 16000
WIDTH = RATE / 2 / BANDS  # Hz


def seconds(length=1.0):
    return torch.arange(round(RATE * length), dtype=torch.double) / RATE


def noise(batch=4, seed=0):
    return 0.1 * torch.randn(batch, RATE, generator=torch.Generator().manual_seed(seed))


def measured(clip):
    found = measure(clip.float(), BANDS)
    inner = slice(4, -4)
    return Slots(*(getattr(found, name)[..., inner] for name in ("tonality", "place", "level")))


@pytest.mark.parametrize("frequency", [61.0, 440.0, 1110.0, 3333.0, 7890.0])
def test_a_sine_is_a_tone_at_its_frequency_and_its_level(frequency):
    found = measured(0.1 * torch.sin(2 * math.pi * frequency * seconds())[None])
    band = int(frequency / WIDTH)
    assert found.tonality[0, band].min() > 0.9
    cents = 1200 * torch.log2((band + found.place[0, band]) * WIDTH / frequency)
    assert cents.abs().max() < 15
    assert found.level[0, band].mean() == pytest.approx(1 - 20 / 80, abs=0.03)


def test_noise_is_not():
    found = measured(noise())
    assert found.tonality.mean() < 0.1
    assert (found.tonality > TONE).float().mean() < 0.1


@pytest.mark.parametrize("pitch", [110.0, 220.0])
def test_every_harmonic_of_a_sound_is_a_tone(pitch):
    waves = [torch.sin(2 * math.pi * k * pitch * seconds() + k) / k for k in range(1, int(7900 / pitch))]
    found = measured(0.1 * torch.stack(waves).sum(0, keepdim=True))
    with_harmonic = [band for band in range(BANDS - 1) if any(0.1 < k * pitch / WIDTH - band < 0.9 for k in range(80))]
    assert (found.tonality[0, with_harmonic] > TONE).float().mean() > 0.95


def test_a_tone_stands_out_of_noise_in_its_own_slot_alone():
    found = measured(0.3 * torch.sin(2 * math.pi * 1110.0 * seconds())[None] + noise(1))
    assert found.tonality[0, 4].mean() > 0.7
    assert found.tonality[0, 8:].mean() < 0.12


def test_an_attack_is_no_tone():
    click = torch.zeros(1, RATE)
    click[0, 8000:8010] = 0.9
    assert measured(click).tonality.mean() < 0.3


def test_silence_has_no_level_and_nothing_in_it_is_not_a_number():
    found = measure(torch.zeros(2, RATE), BANDS)
    assert found.level.max() == 0 and found.tonality.max() == 0
    assert torch.isfinite(found.place).all()


@pytest.mark.parametrize("samples", [1, 100, 257, 16000])
def test_every_slot_that_a_clip_touches_is_measured(samples):
    found = measure(torch.rand(3, samples), 4)
    assert found.tonality.shape == (3, 4, math.ceil(samples / (4 * SLOT_FRAMES)))


def test_the_gate_is_hard_and_fades_over_a_slot():
    tonality = torch.tensor([[[0.0, 2 * TONE, 2 * TONE, 0.1 * TONE]]])
    gate = Slots(tonality, tonality, tonality).gate_at_frames(30)[0, 0]
    assert gate.shape == (30,) and gate[:4].max() == 0 and gate[13:19].min() == 1 and gate[-1] == 0
    assert gate.diff().abs().max() <= 1 / SLOT_FRAMES + 1e-6
