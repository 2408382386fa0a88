"""The real RAVE as autoencoder: which of its configurations, and what differs from it."""

from dataclasses import dataclass
from typing import Literal

from flowshot.config.sections import Section, require


@dataclass(frozen=True)
class RaveConfig(Section):
    """RAVE (2111.05011) as the package acids-rave has it; the size of the VAE and `train` do not apply to it."""

    config: Literal["v1", "v2", "v2_small"] = "v2_small"
    latent_size: int = 16
    capacity: int = 16
    ratios: tuple[int, ...] = (4, 4, 4, 2)
    phase_1_share: float = 0.75
    train_samples: int = 32768

    def __post_init__(self) -> None:
        require(self.latent_size >= 2 and self.capacity > 0, "latent_size must be at least 2, and capacity above 0")
        require(len(self.ratios) == 4 and min(self.ratios) >= 1, "ratios must be four numbers above 0")
        require(0 < self.phase_1_share <= 1, "phase_1_share must be above 0, and 1 at most")
        require(self.train_samples >= 32768, "train_samples must be at least 32768, which RAVE's losses need")
