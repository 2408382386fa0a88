import numpy as np
import pytest

from defaults import default
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.logmel import BANDS, LogMel, mel_filters

POLICY = default(PolicyConfig, "score.policy")


def tone(hertz: float, rate: int, level: float = 1.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)[None].astype(np.float32)


def band_of(hertz: float) -> int:
    centres = 700 * (10 ** (np.linspace(*2595 * np.log10(1 + np.array([20, 24000]) / 700), BANDS + 2)[1:-1] / 2595) - 1)
    return int(np.abs(centres - hertz).argmin())


@pytest.mark.parametrize("hertz", [100, 1000, 6000])
def test_a_tone_is_found_in_its_band_at_its_level(hertz: float) -> None:
    means = LogMel(POLICY).embed(tone(hertz, 48000), 48000)[0, :BANDS]
    assert abs(int(means.argmax()) - band_of(hertz)) <= 1
    assert means.max() == pytest.approx(1, abs=0.04)


def test_a_tenth_of_the_level_is_20_of_80_db_less() -> None:
    loud, soft = (LogMel(POLICY).embed(tone(1000, 48000, level), 48000)[0, :BANDS].max() for level in (1.0, 0.1))
    assert loud - soft == pytest.approx(20 / 80, abs=1e-4)


def test_a_tone_reads_the_same_at_every_sample_rate() -> None:
    at_16, at_44 = (LogMel(POLICY).embed(tone(1000, rate), rate)[0, :BANDS].max() for rate in (16000, 44100))
    assert at_16 == pytest.approx(at_44, abs=0.003)


def test_bands_above_half_the_sample_rate_are_silent() -> None:
    noise = np.random.default_rng(0).normal(size=(1, 16000)).astype(np.float32)
    embedding = LogMel(POLICY).embed(noise, 16000)[0]
    # The band in which 8 kHz lies may be cut; above it there is nothing.
    assert (embedding[band_of(8000) + 1 : BANDS] == 0).all()
    assert (embedding[BANDS + band_of(8000) + 1 :] == 0).all()
    assert (embedding[: band_of(8000) - 1] > 0).all()


def test_silence_is_the_zero_vector_and_clips_of_a_few_samples_are_finite() -> None:
    assert not LogMel(POLICY).embed(np.zeros((2, 16000), dtype=np.float32), 16000).any()
    assert np.isfinite(LogMel(POLICY).embed(np.ones((2, 3), dtype=np.float32), 16000)).all()


def test_what_changes_over_time_is_in_the_deviations() -> None:
    steady = tone(1000, 16000)
    burst = steady * (np.arange(16000) < 8000)
    band = BANDS + band_of(1000)
    assert LogMel(POLICY).embed(burst, 16000)[0, band] > 10 * LogMel(POLICY).embed(steady, 16000)[0, band]


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_no_band_below_half_the_sample_rate_is_deaf(rate: int) -> None:
    filters = mel_filters(rate, round(rate * 2048 / 48000))
    heard = filters.sum(axis=1) > 0
    assert heard[: min(BANDS, band_of(rate / 2))].all()


def test_windows_last_as_long_at_every_sample_rate_and_are_averaged() -> None:
    each = LogMel(default(PolicyConfig, "score.policy", window_seconds=0.5))
    clips = np.random.default_rng(1).normal(size=(2, 16000)).astype(np.float32)
    halves = [LogMel(POLICY).embed(clips[:, :8000], 16000), LogMel(POLICY).embed(clips[:, 8000:], 16000)]
    assert each.embed(clips, 16000) == pytest.approx((halves[0] + halves[1]) / 2)


def test_a_level_of_its_own_makes_loud_and_soft_alike() -> None:
    levelled = LogMel(default(PolicyConfig, "score.policy", level="peak"))
    loud, soft = tone(1000, 16000), tone(1000, 16000, 0.01)
    assert levelled.embed(soft, 16000) == pytest.approx(levelled.embed(loud, 16000), abs=1e-5)
    assert np.abs(LogMel(POLICY).embed(soft, 16000) - LogMel(POLICY).embed(loud, 16000)).max() > 0.3


@pytest.mark.parametrize("rate", [48000, 96000])
def test_the_filters_are_those_of_torchaudio_where_that_has_the_frequencies_right(rate: int) -> None:
    torchaudio = pytest.importorskip("torchaudio")
    window = round(rate * 2048 / 48000)
    theirs = torchaudio.functional.melscale_fbanks(window // 2 + 1, 20.0, 24000.0, BANDS, rate, None, "htk")
    assert np.abs(mel_filters(rate, window) - theirs.numpy().T).max() < 1e-5
