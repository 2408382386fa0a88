import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.preparation.duplicates import (
    ALIKE,
    fingerprint,
    first_copies,
    pairs_within,
    same_recordings,
    sketches,
    waveform_correlation,
)


def noise(seed, samples=4000):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def near_of(*clips):
    return first_copies([str(number) for number in range(len(clips))], np.stack([sketches(clip)[0] for clip in clips]))[
        1
    ]


def at_distance(clip, decibels, seed=9):
    other = noise(seed, len(clip))
    return clip + other / np.linalg.norm(other) * np.linalg.norm(clip) * np.float32(10 ** (decibels / 20))


def test_equal_hashes_are_exact_copies_of_the_first():
    waveforms = np.stack([sketches(noise(seed))[0] for seed in (0, 1, 0, 1)])
    exact, near = first_copies(["b", "a", "b", "a"], waveforms)
    assert exact.tolist() == near.tolist() == [0, 1, 0, 1]


def test_another_gain_or_16_bits_is_a_near_copy():
    clip = noise(0)
    coarse = np.round(clip * 32767).astype(np.float32) / 32767
    assert near_of(clip, noise(1), clip * 0.1, coarse * 0.5).tolist() == [0, 1, 0, 0]


def test_copies_of_copies_stand_for_the_first():
    clip = noise(0)
    assert near_of(noise(5), clip, at_distance(clip, -46, 1), at_distance(clip, -46, 2)).tolist() == [0, 1, 1, 1]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), decibels=st.sampled_from([-90, -60, -50, -30, -20, -6, 0]))
def test_the_threshold_is_40_decibels(seed, decibels):
    clip = noise(seed)
    expected = [0, 0] if decibels <= -50 else [0, 1]
    assert near_of(clip, at_distance(clip, decibels, seed + 1)).tolist() == expected


def test_different_recordings_are_no_copies():
    assert near_of(*(noise(seed) for seed in range(300))).tolist() == list(range(300))


def test_a_sound_is_like_itself_shifted_turned_over_or_coded_anew():
    clip, other = np.pad(noise(0, 3000), (0, 1000)), noise(1)
    relatives = [np.roll(clip, 700), -clip, 0.1 * clip, at_distance(clip, -26)]
    spectra = np.stack([sketches(part)[1] for part in (clip, other, *relatives)])
    alike = {tuple(pair) for pair in pairs_within(spectra, ALIKE).tolist()}
    assert {(0, index) for index in range(2, 6)} <= alike
    assert not any(1 in pair for pair in alike)


def test_pairs_come_nearest_first():
    points = np.zeros((4, 16), dtype=np.float32)
    points[:, 0] = [0.0, 0.03, 0.04, 0.5]
    assert pairs_within(points, 0.05).tolist() == [[1, 2], [0, 1], [0, 2]]


def test_a_sketch_has_the_same_scale_for_any_clip():
    for samples in (1, 15, 16, 17, 16000):
        clip = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
        assert all(0.3 < np.linalg.norm(sketch) < 2 for sketch in sketches(clip))


RATE = 16000


def struck(seed, seconds=1.0):
    """A drum-like sound: noise in a random colour that dies away at a random pace."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal(round(seconds * RATE))
    coloured = np.convolve(noise, generator.standard_normal(24) * np.exp(-np.arange(24) / 6), "same")
    decay = np.exp(-np.arange(len(noise)) / RATE / generator.uniform(0.03, 0.3))
    return (coloured * decay / np.abs(coloured).max()).astype(np.float32)


def same_of(*clips):
    fingerprints = np.stack([fingerprint(clip, RATE) for clip in clips])
    return same_recordings(fingerprints, lambda index: clips[index], RATE).tolist()


def test_a_recording_is_the_same_at_another_level_rate_or_cut():
    sound = struck(0)
    spectrum = np.fft.rfft(sound)
    spectrum[round(0.9 * len(spectrum)) :] = 0  # as after a trip to a lower rate
    resampled = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    cut = np.where(np.arange(len(sound)) < 0.6 * RATE, sound, 0)
    shifted = np.roll(sound, 16)
    assert same_of(sound, 0.2 * sound, resampled, cut, shifted, -sound) == [0] * 6


def test_different_sounds_of_one_kind_are_different_recordings():
    assert same_of(*(struck(seed) for seed in range(200))) == list(range(200))


def test_likeness_is_not_followed_through():
    def turned(degrees):
        return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)

    # 2 degrees apart is certain, 4 are not: the third is like the second, but that one does not stand for itself.
    points = np.stack([turned(0), turned(2), turned(4), turned(5)])
    assert same_recordings(points, lambda index: noise(index), RATE).tolist() == [0, 0, 2, 2]


def test_sounds_of_one_envelope_and_colour_are_told_apart_by_their_waveforms():
    decay = np.exp(-np.arange(RATE) / RATE / 0.2)
    hits = [(noise(seed, RATE) * decay).astype(np.float32) for seed in range(6)]
    fingerprints = np.tile(fingerprint(hits[0], RATE), (6, 1)) * np.float32(np.sqrt(0.99))  # as alike as 0.99
    copies = [*hits[:5], -0.3 * np.roll(hits[2], 100)]
    assert same_recordings(fingerprints, lambda index: copies[index], RATE).tolist() == [0, 1, 2, 3, 4, 2]
    assert waveform_correlation(copies[2], copies[5], RATE) > 0.95
    assert waveform_correlation(copies[2], np.roll(hits[2], 2000), RATE) < 0.5
    assert waveform_correlation(copies[2], np.zeros(RATE, dtype=np.float32), RATE) == 0


def test_the_comparison_does_not_depend_on_its_blocks(monkeypatch):
    points = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    whole = same_recordings(points, lambda index: noise(0), RATE)
    monkeypatch.setattr("flowshot.preparation.duplicates.BLOCK", 7)
    np.testing.assert_array_equal(same_recordings(points, lambda index: noise(0), RATE), whole)
    assert len(set(whole.tolist())) < 60


def test_any_clip_has_a_fingerprint_of_norm_1():
    for samples in (1, 100, 3000, 16000):
        for rate in (8000, 16000, 44100):
            clip = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
            assert abs(np.linalg.norm(fingerprint(clip, rate)) - 1) < 1e-5
