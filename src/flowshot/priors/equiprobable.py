"""Quantise real numbers to bins of equal probability under N(0, 1), and back."""

import math

import torch
from torch import Tensor

from flowshot.densities.distributions import LOG_TWO_PI


def to_bins(values: Tensor, bins: int) -> Tensor:
    """The bin of each of `values`, 0 the lowest. The outermost two bins reach to infinity."""
    return (torch.special.ndtr(values.double()) * bins).long().clamp(0, bins - 1)


def from_bins(chosen: Tensor, bins: int, generator: torch.Generator) -> Tensor:
    """A draw of N(0, 1) within each of the bins `chosen`."""
    uniform = torch.rand(chosen.shape, generator=generator, dtype=torch.double)
    # 0 and 1 are the probabilities of infinite numbers.
    probability = ((chosen + uniform) / bins).clamp(1e-15, 1 - 1e-15)
    return torch.special.ndtri(probability).float()


def log_density_in_bin(values: Tensor, bins: int) -> Tensor:
    """log p(value | its bin) = log(bins) + log N(value; 0, 1), in the shape of `values`.

    Added to log P(bin) it is the exact density of what `from_bins` draws.
    """
    return math.log(bins) - 0.5 * (values.square() + LOG_TWO_PI)


def bin_centres(bins: int) -> Tensor:
    """The median of N(0, 1) within each bin, `[bins]`."""
    return torch.special.ndtri((torch.arange(bins, dtype=torch.double) + 0.5) / bins).float()
