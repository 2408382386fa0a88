"""Real numbers as bins that are equally probable under N(0, 1), and back."""

import math

import torch
from torch import Tensor

from flowshot.densities.distributions import LOG_TWO_PI


def to_bins(values: Tensor, bins: int) -> Tensor:
    """Which of `bins` intervals of equal probability under N(0, 1) each of `values` lies in, 0 the lowest.

    The outermost two reach to infinity, so that every number has its bin.
    """
    return (torch.special.ndtr(values.double()) * bins).long().clamp(0, bins - 1)


def from_bins(chosen: Tensor, bins: int, generator: torch.Generator) -> Tensor:
    """A number from each of the bins `chosen`, as N(0, 1) lies in it: uniform in its cumulative distribution."""
    uniform = torch.rand(chosen.shape, generator=generator, dtype=torch.double)
    # Neither 0 nor 1, whose numbers are infinite.
    probability = ((chosen + uniform) / bins).clamp(1e-15, 1 - 1e-15)
    return torch.special.ndtri(probability).float()


def log_density_in_bin(values: Tensor, bins: int) -> Tensor:
    """log p(value | its bin) = log(bins) + log N(value; 0, 1), in the shape of `values`.

    With log P(bin) it is the exact density of what `from_bins` draws, on all real numbers.
    """
    return math.log(bins) - 0.5 * (values.square() + LOG_TWO_PI)


def bin_centres(bins: int) -> Tensor:
    """The median of N(0, 1) within each bin, `[bins]`."""
    return torch.special.ndtri((torch.arange(bins, dtype=torch.double) + 0.5) / bins).float()
