"""Spectrogram pictures."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from flowshot.report.spectrogram import decibel_spectrogram, draw_spectrogram_files


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
def test_a_tone_is_loudest_at_its_frequency(sample_rate: int) -> None:
    times = np.arange(sample_rate) / sample_rate
    frequencies, _, levels = decibel_spectrogram(np.sin(2 * np.pi * 1000 * times), sample_rate)
    assert abs(frequencies[levels.max(axis=1).argmax()] - 1000) <= frequencies[1]
    assert levels.max() == 0
    assert levels.min() == -80


@pytest.mark.parametrize("samples", [1, 100, 4000])
def test_silence_is_at_the_floor_everywhere_however_short(samples: int) -> None:
    _, _, levels = decibel_spectrogram(np.zeros(samples), 16000)
    assert levels.size > 0
    assert (levels == -80).all()


def test_a_picture_shows_files_and_is_the_same_every_time(tmp_path: Path) -> None:
    clips = [np.random.default_rng(i).normal(scale=0.1, size=4000) for i in range(5)]
    files = [tmp_path / f"$clip_{i}$.wav" for i in range(5)]
    for file, clip in zip(files, clips, strict=True):
        soundfile.write(file, clip, 16000, subtype="FLOAT")
    for name in ("files", "again"):
        draw_spectrogram_files(tmp_path / f"{name}.png", files)
    assert (tmp_path / "files.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "files.png").read_bytes() == (tmp_path / "again.png").read_bytes()
