"""The configuration of CRASH."""

import math
from dataclasses import dataclass
from typing import Literal

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require

LARGEST_FACTOR = 16


@dataclass(frozen=True)
class CrashConfig(Section):
    """Network, noise schedule and sampler of CRASH.

    `channels` are those of the first convolution and of each level below it; `factors` is the downsampling of each
    level. `average` is the decay of the weights' moving average.
    """

    channels: tuple[int, ...]
    factors: tuple[int, ...]
    schedule: Literal["vp_cos", "sub_vp_cos", "vp_sigmoid"]
    sampler: Literal["ddim", "ancestral", "euler", "heun"]
    sampler_steps: int
    average: float

    def __post_init__(self) -> None:
        require(
            len(self.factors) > 0 and len(self.channels) == len(self.factors) + 1, "channels has one more than factors"
        )
        require(min(self.channels) > 0 and min(self.factors) > 0, "channels and factors must be above 0")
        require(self.sampler_steps > 0, "sampler_steps must be above 0")
        require(0 <= self.average < 1, "average must be at least 0 and below 1")


def check_crash(name: str, config: CrashConfig, clip_samples: int, sample_rate: int) -> None:
    """Raise FlowshotError if the factors do not divide the clips' length; the message names factors that do."""
    product = math.prod(config.factors)
    if clip_samples % product:
        fitting = list(fitting_factors(config.factors, clip_samples))
        raise FlowshotError(
            f"{name}: factors {list(config.factors)} make {product}, which does not divide clips of {clip_samples} "
            f"samples; use {fitting}"
        )


def fitting_factors(wanted: tuple[int, ...], samples: int) -> tuple[int, ...]:
    """Factors near the `wanted` ones, from the first to the last, whose product divides `samples`."""
    found: list[int] = []
    left = samples
    for factor in wanted:
        dividing = [each for each in range(1, LARGEST_FACTOR + 1) if left % each == 0]
        found.append(min(dividing, key=lambda each: (abs(each - factor), each == 1, -each)))
        left //= found[-1]
    return tuple(found)
