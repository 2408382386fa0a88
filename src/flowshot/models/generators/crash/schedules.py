"""Noise schedules: x_t = m(t) x_0 + sigma(t) eps, and their differential equations.

The forward equation is dx = -beta/2 x dt + g dw. Its coefficients follow from m and sigma: beta = -2 m'/m and
g^2 = (sigma^2)' + beta sigma^2 (Rouard & Hadjeres 2021, arXiv:2106.07431, section 3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Curve = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Schedule:
    """Noise `sigma` and its derivative `slope` over the times from `first` to `last`, between which networks learn.

    `preserves_variance`: m = sqrt(1 - sigma^2); otherwise m = sqrt(1 - sigma), which leaves less than 1.
    """

    sigma: Curve
    slope: Curve
    preserves_variance: bool
    first: float
    last: float

    def scale(self, t: Tensor) -> Tensor:
        """m(t), what is left of the clip."""
        sigma = self.sigma(t)
        return (1 - (sigma.square() if self.preserves_variance else sigma)).sqrt()

    def beta(self, t: Tensor) -> Tensor:
        """The forward equation's drift."""
        sigma, slope = self.sigma(t), self.slope(t)
        return 2 * sigma * slope / (1 - sigma.square()) if self.preserves_variance else slope / (1 - sigma)

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t)^2 of the forward equation."""
        if self.preserves_variance:
            return self.beta(t)
        sigma = self.sigma(t)
        return sigma * self.slope(t) * (2 - sigma) / (1 - sigma)

    def time(self, level: Tensor | float) -> Tensor:
        """The time at `level`, from 0 (almost the clip) to 1 (almost noise)."""
        return self.first + (self.last - self.first) * torch.as_tensor(level)

    def add_noise(self, clips: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t of `clips: [batch, samples]` at `t: [batch]` or one time for all, in the precision of the clips."""
        scale, sigma = (each.to(clips).reshape(-1, 1) for each in (self.scale(t), self.sigma(t)))
        return scale * clips + sigma * noise


def _cosine(t: Tensor) -> Tensor:
    return (1 - torch.cos(math.pi * t)) / 2


def _cosine_slope(t: Tensor) -> Tensor:
    return math.pi / 2 * torch.sin(math.pi * t)


def _sigmoid(t: Tensor) -> Tensor:
    return torch.sigmoid(22.31 * t - 18.42).sqrt()


def _sigmoid_slope(t: Tensor) -> Tensor:
    sigma = _sigmoid(t)
    return 22.31 / 2 * sigma * (1 - sigma.square())


SCHEDULES = {
    "vp_cos": Schedule(_cosine, _cosine_slope, True, 0.007, 0.993),
    "sub_vp_cos": Schedule(_cosine, _cosine_slope, False, 0.006, 0.994),
    "vp_sigmoid": Schedule(_sigmoid, _sigmoid_slope, True, 0.0, 1.0),
}
