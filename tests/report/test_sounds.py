"""Sounds of the page: files within a budget, outlines and spectrograms."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_project import RATE
from PIL import Image

from flowshot.report.page.sounds import Shelf, waveform_outline, write_spectrogram


def noise(count: int, seconds: float = 1.0, rate: int = RATE) -> list[np.ndarray]:
    draws = np.random.default_rng(count)
    return [draws.uniform(-0.9, 0.9, int(seconds * rate)).astype(np.float32) for _ in range(count)]


def sizes(folder: Path, ending: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(f"*.{ending}"))


def test_sounds_within_the_budget_are_flac_as_they_were(tmp_path: Path) -> None:
    shelf, (clip,) = Shelf(tmp_path), noise(1)
    shelf.add("a b/0", clip, RATE)
    written = shelf.write()
    heard, rate = soundfile.read(tmp_path / "a b" / "0.flac", dtype="float32")
    assert rate == RATE and written["a b/0"].address == "a%20b/0.flac"
    np.testing.assert_allclose(heard, clip, atol=2**-15)


@pytest.mark.parametrize("rate", [16000, 22000, 96000])
def test_sounds_over_the_budget_are_mp3_and_fit_into_it(tmp_path: Path, rate: int) -> None:
    shelf = Shelf(tmp_path, budget=150_000)
    for index, clip in enumerate(noise(10, rate=rate)):
        shelf.add(f"{index}", clip, rate)
    shelf.write()
    assert shelf.format == "mp3"
    assert not list(tmp_path.glob("*.flac"))
    assert 0 < sizes(tmp_path, "mp3") <= shelf.budget
    assert soundfile.info(tmp_path / "0.mp3").duration == pytest.approx(1.0, abs=0.1)


def test_a_sound_shown_twice_is_kept_once(tmp_path: Path) -> None:
    shelf, (clip,) = Shelf(tmp_path), noise(1, 0.1)
    assert [shelf.add("x", clip, RATE) for _ in range(2)] == ["x", "x"]
    shelf.write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.flac", "x.png"]


@pytest.mark.parametrize("samples", [1, 50, 16000])
def test_a_waveform_follows_its_clip(samples: int) -> None:
    numbers = [float(one) for one in re.findall(r"[\d.]+", waveform_outline(np.full(samples, 0.5)))]
    heights = numbers[1::2]
    assert min(heights) == pytest.approx(16 - 0.5 * 15.5 - 0.5, abs=0.1)
    assert max(heights) == pytest.approx(16.5)
    assert set(re.findall(r"[\d.]+", waveform_outline(np.zeros(samples)))[1::2]) == {"15.5", "16.5"}


def test_a_tone_is_a_bright_line_at_its_height(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)
    write_spectrogram(tmp_path / "tone.png", tone, RATE)
    picture = np.asarray(Image.open(tmp_path / "tone.png").convert("L")).astype(float)
    brightest = int(picture.mean(axis=1).argmax())
    assert brightest == pytest.approx((1 - 6000 / 8000) * picture.shape[0], abs=2)
    write_spectrogram(tmp_path / "silence.png", np.zeros(10), RATE)
    assert np.asarray(Image.open(tmp_path / "silence.png").convert("L")).max() < 5
