"""The embedded dataset as a whole: its files, its table, and what its parameters do."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from flowshot.core.randomness import numpy_generator
from flowshot.sources.synthesis.signals import PEAK
from flowshot.sources.synthesis.synthesizer import (
    CLASSES,
    INSTRUMENTS,
    PARAMETERS,
    draw_parameters,
    noise_generator,
    render,
    write_clips,
)
from flowshot.sources.synthesis.voices import DRUMS

RATE = 16000
EVERY_PARAMETER = [(label, name) for label in CLASSES for name in INSTRUMENTS[label].ranges]


def middle(label: str) -> dict[str, float]:
    return {name: bounds.at(0.5) for name, bounds in INSTRUMENTS[label].ranges.items()}


def clip(label: str, **changed: float) -> np.ndarray:
    return render(label, middle(label) | changed, RATE, numpy_generator(0, "test"))


def spectrum(audio: np.ndarray) -> np.ndarray:
    """Power [frequencies, frames] of a clip padded to one second."""
    return np.abs(signal.stft(np.pad(audio, (0, RATE - len(audio))), RATE, nperseg=512, noverlap=384)[2]) ** 2


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "parameters.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth")
    write_clips(folder, workers=1, clips_per_class=2, sample_rate=RATE, seed=7)
    return folder


def test_there_are_enough_classes_of_all_three_kinds():
    assert len(CLASSES) >= 12
    assert {instrument.kind for instrument in INSTRUMENTS.values()} == {"one_shot", "effect", "music"}


def test_every_clip_is_a_mono_16_bit_file_with_a_row_of_its_own(folder: Path):
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.flac"))
    assert files == sorted(f"{label}/{label}_{number:04d}.flac" for label in CLASSES for number in (1, 2))
    assert sorted(row["file"] for row in rows_of(folder)) == files
    for file in files:
        info = soundfile.info(folder / file)
        assert (info.channels, info.samplerate, info.subtype, info.format) == (1, RATE, "PCM_16", "FLAC")
        assert info.frames <= RATE


def test_a_row_renders_its_file_again(folder: Path):
    for row in rows_of(folder):
        values = {name: float(row[name]) for name in PARAMETERS if row[name]}
        audio = render(row["label"], values, RATE, noise_generator(int(row["seed"]), row["file"]))
        stored, _ = soundfile.read(folder / row["file"])
        assert len(stored) == len(audio)
        assert np.abs(stored - audio).max() <= 0.51 / 32768


def test_the_number_of_workers_does_not_change_a_byte(folder: Path, tmp_path: Path):
    write_clips(tmp_path, workers=2, clips_per_class=2, sample_rate=RATE, seed=7)
    for path in sorted(folder.rglob("*.*")):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_more_clips_per_class_leave_the_first_ones_as_they_are(folder: Path, tmp_path: Path):
    write_clips(tmp_path, workers=1, clips_per_class=1, sample_rate=RATE, seed=7)
    for path in tmp_path.glob("*/*.flac"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes()


def test_another_seed_gives_other_clips(folder: Path, tmp_path: Path):
    write_clips(tmp_path, workers=1, clips_per_class=1, sample_rate=RATE, seed=8)
    for path in tmp_path.glob("*/*.flac"):
        assert path.read_bytes() != (folder / path.relative_to(tmp_path)).read_bytes()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    label=st.sampled_from(CLASSES),
    sample_rate=st.sampled_from([8000, 16000, 22050, 44100]),
    positions=st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=12, max_size=12),
    seed=st.integers(0, 1000),
)
def test_any_parameters_within_their_ranges_give_a_clean_clip(
    label: str, sample_rate: int, positions: list[float], seed: int
):
    ranges = INSTRUMENTS[label].ranges
    values = {name: bounds.at(position) for (name, bounds), position in zip(ranges.items(), positions, strict=False)}
    audio = render(label, values, sample_rate, numpy_generator(seed, "test"))
    assert 0.05 * sample_rate < len(audio) <= sample_rate
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() == pytest.approx(PEAK)
    assert abs(audio[0]) < 1e-9 and abs(audio[-1]) < 1e-9
    assert np.abs(audio[-2:]).max() < 0.02, "the end must not click"
    assert abs(audio.mean()) < 2e-3


# Not loop and bubbles: their decay is that of one event, and their length is set.
@pytest.mark.parametrize(
    "label", [*(drum.__name__ for drum in DRUMS), "impact", "zap", "chord", "bass", "pluck", "bell"]
)
def test_what_decays_ends_in_silence_rather_than_in_a_fade(label: str):
    audio = clip(label)
    assert np.abs(audio[-round(0.04 * RATE) :]).max() < 10 ** (-55 / 20)


@pytest.mark.parametrize(("label", "name"), EVERY_PARAMETER)
def test_every_parameter_changes_what_is_heard(label: str, name: str):
    bounds = INSTRUMENTS[label].ranges[name]
    low, high = (spectrum(clip(label, **{name: value})) ** 0.25 for value in (bounds.low, bounds.high))
    assert np.linalg.norm(low - high) > 0.1 * np.linalg.norm(low)


def loudness_centre(audio: np.ndarray) -> float:
    """Centroid in Hz of the magnitude spectrum."""
    magnitude = spectrum(audio).sum(axis=1) ** 0.5
    return float((np.linspace(0, RATE / 2, len(magnitude)) * magnitude).sum() / magnitude.sum())


@pytest.mark.parametrize("label", [name for name in CLASSES if "brightness" in INSTRUMENTS[name].ranges])
def test_a_brighter_clip_has_its_weight_at_higher_frequencies(label: str):
    bounds = INSTRUMENTS[label].ranges["brightness"]
    assert loudness_centre(clip(label, brightness=bounds.high)) > loudness_centre(clip(label, brightness=bounds.low))


@pytest.mark.parametrize("label", ["kick", "tom", "bass", "pluck"])
@pytest.mark.parametrize("position", [0.0, 0.4, 1.0])
def test_the_pitch_is_the_frequency_that_is_heard(label: str, position: float):
    pitch = INSTRUMENTS[label].ranges["pitch"].at(position)
    still = {"pitch_sweep": INSTRUMENTS[label].ranges["pitch_sweep"].low} if label in ("kick", "tom") else {}
    audio = clip(label, pitch=pitch, **still)
    tail = audio[len(audio) // 3 :] * np.hanning(len(audio) - len(audio) // 3)
    power = np.abs(np.fft.rfft(tail, 8 * RATE)) ** 2
    frequencies = np.arange(len(power)) / 8
    near = (frequencies > 0.8 * pitch) & (frequencies < 1.25 * pitch)
    assert frequencies[near][power[near].argmax()] == pytest.approx(pitch, rel=0.03)


def log_bands(audio: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and maximum over time of 24 log-frequency band levels in dB, down to -60."""
    power = spectrum(audio)
    band = np.digitize(np.linspace(0, RATE / 2, len(power)), np.geomspace(60, RATE / 2, 24))
    bands = np.stack([power[band == i].sum(axis=0) for i in np.unique(band)])
    levels = 10 * np.log10(bands + 1e-6 * bands.max())
    return np.concatenate([levels.mean(axis=1), levels.std(axis=1), levels.max(axis=1)])


def features(label: str, number: int) -> np.ndarray:
    generator = numpy_generator(number, "separable", label)
    return log_bands(render(label, draw_parameters(label, generator), RATE, generator))


def test_classes_are_told_apart_by_the_nearest_centroid():
    fitted = np.array([[features(label, number) for number in range(8)] for label in CLASSES])
    scale = fitted.std(axis=1).mean(axis=0) + 1e-6
    centroids = fitted.mean(axis=1) / scale
    right = [
        np.linalg.norm(centroids - features(label, number) / scale, axis=1).argmin() == truth
        for truth, label in enumerate(CLASSES)
        for number in range(100, 105)
    ]
    assert np.mean(right) > 0.75  # chance is 1 / 16


def test_clips_of_one_class_differ_from_each_other():
    for label in CLASSES:
        first, second = (features(label, number) for number in (0, 1))
        assert np.abs(first - second).max() > 1.0, label  # dB


def test_drawn_parameters_lie_within_their_ranges():
    generator = numpy_generator(0, "test")
    for label in CLASSES:
        for _ in range(50):
            values = draw_parameters(label, generator)
            assert all(
                INSTRUMENTS[label].ranges[k].low <= v <= INSTRUMENTS[label].ranges[k].high for k, v in values.items()
            )


def test_every_parameter_is_explained_and_belongs_to_a_class():
    assert {name for _, name in EVERY_PARAMETER} == set(PARAMETERS)
