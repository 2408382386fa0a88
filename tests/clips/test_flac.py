import numpy as np
import pytest
import soundfile

from flowshot.clips.flac import write_flac


def test_a_clip_comes_back_to_24_bits(tmp_path):
    clip = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    write_flac(tmp_path / "0.flac", clip, 16000)
    read, rate = soundfile.read(tmp_path / "0.flac", dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(read, clip, atol=2**-22)


def test_what_exceeds_full_scale_is_clipped_and_not_wrapped(tmp_path):
    write_flac(tmp_path / "loud.flac", np.array([3.0, -3.0] * 50, dtype=np.float32), 8000)
    read, _ = soundfile.read(tmp_path / "loud.flac")
    np.testing.assert_allclose(read, [1, -1] * 50, atol=1e-6)


@pytest.mark.parametrize("clip", [np.array([0.0, np.nan]), np.zeros((2, 10))])
def test_what_is_no_finite_clip_is_refused_and_nothing_is_written(tmp_path, clip):
    with pytest.raises(ValueError):
        write_flac(tmp_path / "bad.flac", clip, 16000)
    assert list(tmp_path.iterdir()) == []
