import math

import numpy as np
import pytest
import torch
from scipy.signal import freqz

from flowshot.listening.hearing import k_weighting


def test_the_weighting_is_that_of_the_standards_filters():
    """BS.1770 states a gain of +0.691 dB at 997 Hz, which its -0.691 dB of offset takes back."""
    gains = k_weighting(48000, 48000)
    assert 20 * math.log10(gains[997]) == pytest.approx(0.691, abs=0.01)
    shelf = freqz(
        [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585], 256
    )
    high = freqz([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], 256)
    np.testing.assert_allclose(k_weighting(512, 48000)[:256], abs(shelf[1] * high[1]), rtol=1e-5, atol=1e-7)


def test_the_weighting_of_a_frequency_does_not_depend_on_the_sample_rate():
    torch.testing.assert_close(k_weighting(1600, 16000), k_weighting(4800, 48000)[:801])
    assert torch.isfinite(k_weighting(2048, 96000)).all()
