"""How the ear weights frequencies: the K-weighting of loudness meters."""

import math

import torch
from torch import Tensor


def k_weighting(fft_size: int, sample_rate: int) -> Tensor:
    """Gain of the K-weighting of ITU-R BS.1770-5 (annex 1) at the bins of a spectrum, `[fft_size // 2 + 1]`.

    The high shelf (the head, +4 dB above 2 kHz) and the high-pass of the standard are given as digital filters for
    48 kHz; at another rate its analogue response is the same, so it is read off at the bins' own frequencies.
    Above 24 kHz, which the standard does not say, the gain at 24 kHz goes on.
    """
    frequency = torch.linspace(0, sample_rate / 2, fft_size // 2 + 1, dtype=torch.float64).clamp(max=24_000)
    delay = torch.exp(-2j * math.pi * frequency / 48_000)
    shelf = _response(delay, SHELF_NUMERATOR, SHELF_DENOMINATOR)
    high_pass = _response(delay, HIGH_PASS_NUMERATOR, HIGH_PASS_DENOMINATOR)
    return (shelf * high_pass).abs().float()


# Coefficients of BS.1770-5, annex 1, tables 1 and 2, of z^0, z^-1, z^-2.
SHELF_NUMERATOR = (1.53512485958697, -2.69169618940638, 1.19839281085285)
SHELF_DENOMINATOR = (1.0, -1.69065929318241, 0.73248077421585)
HIGH_PASS_NUMERATOR = (1.0, -2.0, 1.0)
HIGH_PASS_DENOMINATOR = (1.0, -1.99004745483398, 0.99007225036621)


def _response(delay: Tensor, numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Tensor:
    above = sum(value * delay**power for power, value in enumerate(numerator))
    below = sum(value * delay**power for power, value in enumerate(denominator))
    return torch.as_tensor(above) / torch.as_tensor(below)
