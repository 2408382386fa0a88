import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.datasets.duplicates import ALIKE, Sketcher, first_copies, pairs_within


def noise(seed, samples=4000):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def near_of(*clips):
    sketch = Sketcher(len(clips[0]))
    return first_copies(
        [str(number) for number in range(len(clips))], np.stack([sketch.waveform(clip) for clip in clips])
    )[1]


def at_distance(clip, decibels, seed=9):
    other = noise(seed, len(clip))
    return clip + other / np.linalg.norm(other) * np.linalg.norm(clip) * np.float32(10 ** (decibels / 20))


def test_equal_hashes_are_exact_copies_of_the_first():
    sketch = Sketcher(4000)
    sketches = np.stack([sketch.waveform(noise(seed)) for seed in (0, 1, 0, 1)])
    exact, near = first_copies(["a", "b", "a", "b"], sketches)
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
    sketch = Sketcher(4000)
    clip, other = np.pad(noise(0, 3000), (0, 1000)), noise(1)
    relatives = [np.roll(clip, 700), -clip, 0.1 * clip, at_distance(clip, -26)]
    sketches = np.stack([sketch.spectrum(part) for part in (clip, other, *relatives)])
    alike = {tuple(pair) for pair in pairs_within(sketches, ALIKE).tolist()}
    assert {(0, index) for index in range(2, 6)} <= alike
    assert not any(1 in pair for pair in alike)


def test_pairs_come_nearest_first():
    points = np.zeros((4, 16), dtype=np.float32)
    points[:, 0] = [0.0, 0.03, 0.04, 0.5]
    assert pairs_within(points, 0.05).tolist() == [[1, 2], [0, 1], [0, 2]]


def test_a_sketch_has_the_same_scale_for_any_clip():
    for samples in (1, 15, 16, 17, 16000):
        clip = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
        assert 0.3 < np.linalg.norm(Sketcher(samples).waveform(clip)) < 2
        assert 0.3 < np.linalg.norm(Sketcher(samples).spectrum(clip)) < 2
