"""Changes of training clips: what each does, and what none of them may do."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from defaults import default
from flowshot.training.augmentation import FADE, attenuate, augment, change_speed, delay, resample, shelve
from flowshot.training.config import AugmentConfig
from seeded import generator

# Every change with a strength that is strong but allowed.
CHANGES = {attenuate: 12.0, delay: 40.0, shelve: 12.0, change_speed: 3.0}
changes = pytest.mark.parametrize(("change", "strength"), CHANGES.items(), ids=[each.__name__ for each in CHANGES])


def strengths(**changes):
    return default(AugmentConfig, "train.augment", **changes)


EVERYTHING = strengths(
    probability=1.0, speed_semitones=2.0, jitter_seconds=0.003, filter_db=6.0, gain_db=6.0, polarity=True
)
RATE = 16000
SAMPLES = 3000


def noise_bursts(count, samples=SAMPLES, first=0, last=None, seed=0, peak=0.89):
    """White noise between `first` and `last`, digital silence around it, `[count, samples]`."""
    clips = torch.zeros(count, samples)
    last = samples if last is None else last
    clips[:, first:last] = torch.rand(count, last - first, generator=generator(seed)) * 2 - 1
    return clips * peak / clips.abs().amax(1, keepdim=True)


def sine(frequency, samples=8000):
    """At `frequency` cycles a sample, `[1, samples]`."""
    return 0.5 * torch.sin(2 * math.pi * frequency * torch.arange(samples, dtype=torch.float64)).float()[None]


@st.composite
def batches(draw):
    """Clips in [-1, 1] of any length, level and amount of silence, hard cut-offs and single samples included."""
    count, samples = draw(st.integers(1, 5)), draw(st.integers(1, 700))
    values = np.random.default_rng(draw(st.integers(0, 2**32))).uniform(-1, 1, (count, samples))
    clips = torch.from_numpy((values * 10 ** draw(st.floats(-8, 0))).astype(np.float32))
    first = draw(st.integers(0, samples))
    clips[:, :first] = 0
    clips[:, draw(st.integers(first, samples)) :] = 0
    if draw(st.booleans()):
        clips[draw(st.integers(0, count - 1)), draw(st.integers(0, samples - 1))] = draw(st.sampled_from([1.0, -1.0]))
    return clips


@settings(max_examples=60)
@given(clips=batches(), seed=st.integers(0, 2**31), rate=st.sampled_from([8000, 44100]))
def test_whatever_the_clips_they_keep_shape_and_range_and_stay_as_they_were(clips, seed, rate):
    before = clips.clone()
    changed = augment(clips, EVERYTHING, rate, generator(seed))
    assert changed.shape == clips.shape and changed.dtype == torch.float32
    assert torch.isfinite(changed).all() and changed.abs().max() <= 1
    assert (changed <= clips.abs().amax() * (1 + 1e-5)).all(), "no change makes the loudest clip louder"
    assert (clips == before).all(), "batches are changed as copies"


def test_clips_are_changed_on_the_device_where_they_are():
    """On torch's device without data, where a tensor of another device is an error as on a GPU."""
    clips = torch.empty(4, SAMPLES, device="meta")
    assert augment(clips, EVERYTHING, RATE, generator()).device.type == "meta"


@changes
@settings(max_examples=15)
@given(clips=batches(), seed=st.integers(0, 2**31))
def test_no_change_moves_a_clip_above_its_own_peak(change, strength, clips, seed):
    changed = change(clips, strength, generator(seed))
    assert (changed.abs().amax(1) <= clips.abs().amax(1) * (1 + 1e-5)).all()


@changes
def test_a_generator_decides_what_happens_to_each_clip(change, strength):
    clips = noise_bursts(1, last=2000).repeat(6, 1) * torch.linspace(0.3, 1, 6)[:, None]
    first, again, other = (change(clips, strength, generator(seed)) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    alike = first / clips.abs().amax(1, keepdim=True)
    assert (alike[1:] != alike[0]).any(1).all(), "each clip has its own draw"


@changes
def test_without_strength_a_change_changes_nothing(change, strength):
    clips = noise_bursts(4, last=2000)
    assert (change(clips, 0.0, generator()) - clips).abs().max() < 1e-6


def test_a_section_without_strengths_returns_the_very_clips_and_draws_nothing():
    clips, draws = noise_bursts(3), generator()
    before = draws.get_state()
    assert augment(clips, strengths(probability=1.0), RATE, draws) is clips
    assert (draws.get_state() == before).all()


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_each_clip_is_changed_with_the_probability(probability, share):
    clips = noise_bursts(400, samples=4)
    changed = augment(clips, strengths(probability=probability, polarity=True), RATE, generator())
    reversed_ = (changed == -clips).all(1)
    assert ((changed == clips).all(1) | reversed_).all()
    assert float(reversed_.float().mean()) == pytest.approx(share, abs=0.08)


@changes
def test_silent_clips_stay_silent(change, strength):
    assert (change(torch.zeros(4, SAMPLES), strength, generator()) == 0).all()


@pytest.mark.parametrize("change", [attenuate, shelve, change_speed], ids=lambda each: each.__name__)
def test_the_silence_around_a_sound_stays_exact_digital_silence(change):
    """Filters would ring there, and a Fourier transform alone leaves noise at -140 dB."""
    first, last = 300, 2000
    changed = change(noise_bursts(6, first=first, last=last), CHANGES[change], generator())
    most = 2 ** (CHANGES[change_speed] / 12) if change is change_speed else 1.0
    assert (changed[:, : math.floor(first / most)] == 0).all()
    assert (changed[:, math.ceil(last * most) :] == 0).all()
    assert (changed[:, first * 2 : last // 2] != 0).float().mean() > 0.99


def test_a_faster_clip_ends_sooner_in_silence():
    changed = resample(noise_bursts(1), torch.tensor([[1.25]]))[0]
    end = math.floor((SAMPLES - 1) / 1.25)
    assert (changed[end + 1 :] == 0).all() and (changed[end - 20 : end] != 0).any()


@settings(max_examples=40)
@given(decibels=st.floats(0.1, 40), seed=st.integers(0, 2**31))
def test_gain_goes_down_by_at_most_its_decibels(decibels, seed):
    clips = noise_bursts(32, samples=8)
    gain = 20 * torch.log10(attenuate(clips, decibels, generator(seed)).abs().amax(1) / clips.abs().amax(1))
    assert gain.max() <= 1e-5 and gain.min() >= -decibels - 1e-4
    assert gain.min() < -0.5 * decibels, "one of 32 draws is in the lower half"


@settings(max_examples=40)
@given(most=st.integers(1, 60), samples=st.integers(1, 100), seed=st.integers(0, 2**31))
def test_jitter_shifts_later_behind_zeros_and_never_wraps(most, samples, seed):
    clips = torch.arange(1.0, samples + 1).repeat(8, 1) / samples
    for before, after in zip(clips, delay(clips, most, generator(seed)), strict=True):
        shift = int((after == 0).sum())
        assert shift <= most
        assert (after[:shift] == 0).all() and (after[shift:] == before[: samples - shift]).all()


def test_jitter_reaches_both_ends_of_its_range():
    clips = torch.zeros(200, 50)
    clips[:, 0] = 1.0
    shifts = delay(clips, 3.0, generator()).argmax(1)
    assert sorted(set(shifts.tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize("frequency", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("semitones", [-1.0, -0.3, 0.5, 1.0])
def test_speed_moves_a_sine_by_its_ratio_and_adds_nothing_else(frequency, semitones):
    rate = float(torch.tensor(2 ** (semitones / 12)))
    changed = resample(sine(frequency), torch.tensor([[rate]]))[0, 500:7000].double()
    phase = 2 * math.pi * frequency * rate * torch.arange(500, 7000, dtype=torch.float64)
    wanted = torch.stack([phase.sin(), phase.cos()], 1)
    fitted = wanted @ torch.linalg.lstsq(wanted, changed[:, None]).solution
    residue = (changed - fitted[:, 0]).square().mean() / changed.square().mean()
    assert 10 * math.log10(residue) < -80


@pytest.mark.parametrize("frequency", [0.46, 0.48, 0.499])
def test_what_a_faster_clip_would_fold_back_is_taken_out(frequency):
    """A sine above the new half of the sample rate, beside one that stays: only that one is left."""
    clips = sine(0.1) + sine(frequency)
    changed, alone = (resample(each, torch.tensor([[1.1]]))[0, 500:6500] for each in (clips, sine(0.1)))
    # Each is scaled to the peak of what went in.
    changed, alone = changed / changed.abs().max(), alone / alone.abs().max()
    assert (changed - alone).abs().max() < 1e-3


def test_slowing_down_fades_what_it_cuts_off_and_nothing_else():
    full = resample(torch.full((1, SAMPLES), 0.5), torch.tensor([[0.9]]))[0]
    assert full[-1] == 0 and (full[-FADE:].diff() < 0.01).all() and full[-FADE - 20] > 0.3
    short = noise_bursts(1, last=1000)
    assert (resample(short, torch.tensor([[0.9]]))[0, 1100:1112] != 0).any(), "the end of a short clip is its own"


def test_what_is_left_of_a_clip_is_not_blown_up_when_its_loudest_part_leaves():
    clips = torch.full((1, SAMPLES), 1e-3)
    clips[:, -20:] = 0.9
    assert resample(clips, torch.tensor([[0.9]])).abs().max() < 0.01


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_the_shelf_is_flat_below_raises_or_lowers_above_and_rings_only_after(seed):
    impulse = torch.zeros(1, 4096)
    impulse[0, 100] = 0.5
    changed = shelve(impulse, 6.0, generator(seed))
    assert (changed[0, :100] == 0).all()
    # The impulse is a single sample, and so its filtered tail is masked as silence: put a faint carrier under it.
    carried = impulse + 1e-6
    response = torch.fft.rfft(shelve(carried, 6.0, generator(seed)) - 0).abs()[0] / torch.fft.rfft(carried).abs()[0]
    ratio = 20 * torch.log10(response[-5:].mean() / response[3:8].mean())
    assert abs(float(ratio)) <= 6.1
    steps = response[5:].diff()
    assert (steps <= 1e-3).all() or (steps >= -1e-3).all(), "it only rises, or only falls"
