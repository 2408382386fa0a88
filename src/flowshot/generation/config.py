"""How clips are drawn from a trained model."""

from dataclasses import dataclass

from flowshot.core.plan import PlanConfig
from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class SampleConfig(Section):
    """How clips are drawn from an arm."""

    batch_size: int
    clips: int

    def __post_init__(self) -> None:
        require(self.batch_size > 0, "batch_size must be above 0")
        require(self.clips > 1, "clips must be at least 2")

    def clips_of_arm(self, plan: PlanConfig) -> int:
        """How many clips an arm of the plan draws."""
        return plan.clips or self.clips
