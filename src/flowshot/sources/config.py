"""How the audio of a source becomes clips."""

from dataclasses import dataclass, field
from typing import Literal

from flowshot.core.sections import Section, require, require_pattern

Source = Literal["synth", "samples", "samples_original", "fx", "tracks", "folder"]


@dataclass(frozen=True)
class SplitConfig(Section):
    """Fractions of the groups that go to training, validation and test; they sum to 1."""

    train: float = 0.8
    valid: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        require(min(self.train, self.valid, self.test) > 0, "every split must be above 0")
        require(abs(self.train + self.valid + self.test - 1) < 1e-6, "train + valid + test must be 1")


@dataclass(frozen=True)
class DatasetConfig(Section):
    """How the audio of one source becomes clips of one length and sample rate."""

    source: Source
    path: str | None = None
    sample_rate: int = 16000
    clip_seconds: float = 1.0
    cut: Literal["file", "windows"] = "file"
    hop_seconds: float = 1.0
    level: Literal["none", "peak", "rms"] = "peak"
    level_db: float = -1.0
    silence_db: float = -60.0
    minimum_seconds: float = 0.02
    pad: Literal["end", "repeat"] = "end"
    fade_seconds: float = 0.005
    near_duplicates: Literal["keep", "drop"] = "keep"
    split: SplitConfig = field(default_factory=SplitConfig)
    exclude: str = ""
    group: str = ""
    held_out: Literal["all", "original"] = "all"
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            (self.source == "folder") == (self.path is not None), "`path` belongs to source `folder`, and only to it"
        )
        require(1000 <= self.sample_rate <= 384_000, "sample_rate must lie between 1000 and 384000")
        require(0 < self.clip_seconds <= 60, "clip_seconds must lie between 0 and 60")
        require(
            self.held_out == "all" or self.source == "samples",
            "held_out: original belongs to source `samples`, which alone adds to another dataset",
        )
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
