"""Sounds of the page: files inside it, outlines and spectrograms."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from page_project import RATE
from PIL import Image

from flowshot.report.page.sounds import sound, spectrogram_png, waveform_outline


def test_a_sound_is_flac_as_it_was_and_equal_clips_are_equal_bytes() -> None:
    clip = np.random.default_rng(0).uniform(-0.9, 0.9, RATE).astype(np.float32)
    found = sound("a", clip, RATE)
    kind, _, content = found.address.partition(",")
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")
    assert (kind, rate) == ("data:audio/flac;base64", RATE)
    np.testing.assert_allclose(heard, clip, atol=2**-15)
    assert found == sound("a", clip.copy(), RATE)


@pytest.mark.parametrize("samples", [1, 50, 16000])
def test_a_waveform_follows_its_clip(samples: int) -> None:
    numbers = [float(one) for one in re.findall(r"[\d.]+", waveform_outline(np.full(samples, 0.5)))]
    heights = numbers[1::2]
    assert min(heights) == pytest.approx(16 - 0.5 * 15.5 - 0.5, abs=0.1)
    assert max(heights) == pytest.approx(16.5)
    assert set(re.findall(r"[\d.]+", waveform_outline(np.zeros(samples)))[1::2]) == {"15.5", "16.5"}


def test_a_tone_is_a_bright_line_at_its_height() -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)
    picture = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone, RATE))).convert("L")).astype(float)
    brightest = int(picture.mean(axis=1).argmax())
    assert brightest == pytest.approx((1 - 6000 / 8000) * picture.shape[0], abs=2)
    silence = Image.open(io.BytesIO(spectrogram_png(np.zeros(10), RATE))).convert("L")
    assert np.asarray(silence).max() < 5
