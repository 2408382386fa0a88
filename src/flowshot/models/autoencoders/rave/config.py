"""The configuration of the real RAVE."""

import importlib.util
import math
from dataclasses import dataclass
from typing import Literal

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require

BANDS = 16  # of RAVE's filter bank, in all of its configurations


@dataclass(frozen=True)
class RaveConfig(Section):
    """One of RAVE's configurations, and what differs from it. Of `train`, only the two intervals apply.

    `phase_1_share` is the share of the steps before the discriminators train. Clips are padded to `train_samples`.
    """

    config: Literal["v1", "v2", "v2_small"]
    latent_size: int
    capacity: int
    ratios: tuple[int, ...]
    phase_1_share: float
    train_samples: int

    def __post_init__(self) -> None:
        require(self.latent_size >= 2 and self.capacity > 0, "latent_size must be at least 2, and capacity above 0")
        require(len(self.ratios) == 4 and min(self.ratios) >= 1, "ratios must be four numbers above 0")
        require(0 < self.phase_1_share <= 1, "phase_1_share must be above 0, and 1 at most")
        require(self.train_samples >= 32768, "train_samples must be at least 32768, which RAVE's losses need")

    @property
    def frame_samples(self) -> int:
        """Samples of one frame of the latent."""
        return BANDS * math.prod(self.ratios)

    @property
    def padded_samples(self) -> int:
        """`train_samples`, in whole frames."""
        return -(-self.train_samples // self.frame_samples) * self.frame_samples


def check_rave(name: str, config: RaveConfig, clip_samples: int, sample_rate: int) -> None:
    """Raise FlowshotError where clips are longer than `train_samples`, or acids-rave is not installed.

    It looks for the package without importing it, which takes seconds.
    """
    if clip_samples > config.padded_samples:
        raise FlowshotError(
            f"{name}: train_samples is {config.padded_samples}, but clips have {clip_samples} samples; raise it"
        )
    missing = [package for package in ("rave", "gin", "pytorch_lightning") if importlib.util.find_spec(package) is None]
    if missing:
        raise FlowshotError(
            f"{name}: needs the package acids-rave ({missing[0]} is missing); install it with `make setup EXTRAS=rave`"
        )
