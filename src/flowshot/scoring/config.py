"""What is measured of clips, and how a clip becomes what an embedding hears."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class PolicyConfig(Section):
    """How a clip becomes what an embedding hears; kept with every number, because numbers of two policies differ."""

    window_seconds: float | None
    hop: float
    level: Literal["none", "peak"]
    level_db: float

    def __post_init__(self) -> None:
        require(self.window_seconds is None or 0 < self.window_seconds <= 60, "window_seconds must lie in 0 to 60")
        require(0 < self.hop <= 1, "hop must be above 0, and 1 at most, or something would not be heard")
        require(self.level_db <= 0, "level_db must not be above 0")


@dataclass(frozen=True)
class ScoreConfig(Section):
    """What is measured of generated clips, and how certain it has to be."""

    embeddings: tuple[str, ...]
    metrics: tuple[str, ...]
    neighbours: int
    splits: int
    folds: int
    resamples: int
    halves: int
    confidence: float
    cdpam: int
    checkpoints: str | None
    on_bad_clip: Literal["fail", "skip"]
    policy: PolicyConfig

    def __post_init__(self) -> None:
        require(self.folds >= 2, "folds must be at least 2")
        require(
            min(self.neighbours, self.splits, self.resamples, self.halves) >= 1,
            "neighbours, splits, resamples and halves must be at least 1",
        )
        require(len(set(self.metrics)) == len(self.metrics), "metrics names one twice")
        require(self.cdpam >= 0, "cdpam must be 0 or the number of pairs that it compares")
        require(0 < self.confidence < 1, "confidence must lie between 0 and 1")
