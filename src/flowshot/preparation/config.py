"""How the audio of a source becomes clips."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.params import Params, check_section
from flowshot.core.sections import Section, require, require_pattern
from flowshot.sources.config import SourceConfig


@dataclass(frozen=True)
class SplitConfig(Section):
    """Fractions of the clips that are for training, validation and test; they sum to 1."""

    train: float
    valid: float
    test: float

    def __post_init__(self) -> None:
        require(min(self.train, self.valid, self.test) > 0, "every split must be above 0")
        require(abs(self.train + self.valid + self.test - 1) < 1e-6, "train + valid + test must be 1")


@dataclass(frozen=True)
class DatasetConfig(SourceConfig):
    """An entry of `datasets` in params.yaml, which says what each key means."""

    sample_rate: int
    clip_seconds: float
    cut: Literal["file", "windows"]
    hop_seconds: float
    level: Literal["none", "peak"]
    level_db: float
    silence_db: float
    minimum_seconds: float
    fade_seconds: float
    near_duplicates: Literal["keep", "drop"]
    split: SplitConfig
    exclude: str
    group: str
    seed: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1000 <= self.sample_rate <= 384_000, "sample_rate must lie between 1000 and 384000")
        require(0 < self.clip_seconds <= 60, "clip_seconds must lie between 0 and 60")
        require(self.hop_seconds > 0, "hop_seconds must be above 0")
        require(self.level_db <= 0, "level_db must not be above 0")
        require(self.silence_db < 0, "silence_db must be below 0")
        require(0 <= self.fade_seconds < self.clip_seconds, "fade_seconds must lie between 0 and clip_seconds")
        require(self.clip_samples > 0, "clip_seconds must hold at least one sample")
        require_pattern(self.exclude, "exclude")
        require_pattern(self.group, "group")

    @property
    def clip_samples(self) -> int:
        """Length of a clip in samples."""
        return round(self.clip_seconds * self.sample_rate)


def dataset_config(params: Params, name: str) -> DatasetConfig:
    """The dataset `name` of params.yaml."""
    return check_section(DatasetConfig, params.entry("datasets", name), f"{params.path}: datasets.{name}")
