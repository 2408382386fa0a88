"""How clips are drawn, what is measured of them, and how that is written."""

from dataclasses import dataclass, field
from typing import Literal

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class SampleConfig(Section):
    """How clips are drawn from an arm."""

    batch_size: int = 64

    def __post_init__(self) -> None:
        require(self.batch_size > 0, "batch_size must be above 0")


@dataclass(frozen=True)
class PolicyConfig(Section):
    """How a clip becomes what an embedding hears: kept with every number, since others do not compare with it."""

    pad: Literal["zero", "repeat"] = "zero"
    window_seconds: float | None = None
    hop: float = 1.0
    level: Literal["none", "peak", "rms"] = "none"
    level_db: float = -1.0
    channels: Literal["mix", "first"] = "mix"

    def __post_init__(self) -> None:
        require(self.window_seconds is None or 0 < self.window_seconds <= 60, "window_seconds must lie in 0 to 60")
        require(0 < self.hop <= 1, "hop must be above 0, and 1 at most, or something would not be heard")
        require(self.level_db <= 0, "level_db must not be above 0")


@dataclass(frozen=True)
class ScoreConfig(Section):
    """What is measured of generated clips, and how certain it has to be."""

    embeddings: tuple[str, ...] = ("yamnet", "logmel")
    metrics: tuple[str, ...] = (
        "fad", "fad_infinity", "kid", "kid_p", "kad", "kad_p", "precision", "recall", "density", "coverage", "vendi",
        "label_diversity", "authenticity", "training_distance",
    )  # fmt: skip
    neighbours: int = 5
    splits: int = 4
    folds: int = 10
    bootstrap: int = 1000
    permutations: int = 1000
    confidence: float = 0.95
    checkpoints: str | None = None
    on_bad_clip: Literal["fail", "skip"] = "fail"
    policy: PolicyConfig = field(default_factory=PolicyConfig)

    def __post_init__(self) -> None:
        require(self.folds >= 2 and self.bootstrap >= 2, "folds and bootstrap must be at least 2")
        require(
            min(self.neighbours, self.splits, self.permutations) >= 1,
            "neighbours, splits and permutations must be at least 1",
        )
        require(len(set(self.metrics)) == len(self.metrics), "metrics names one twice")
        require(0 < self.confidence < 1, "confidence must lie between 0 and 1")
