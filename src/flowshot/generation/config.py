"""How clips are drawn from a trained model."""

from dataclasses import dataclass

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class SampleConfig(Section):
    """How clips are drawn from an arm."""

    batch_size: int
    clips: int | None
    fewer: dict[str, int]

    def __post_init__(self) -> None:
        require(self.batch_size > 0, "batch_size must be above 0")
        require(self.clips is None or self.clips > 1, "clips must be at least 2, or null")
        require(min(self.fewer.values(), default=2) > 1, "fewer must name at least 2 clips for a plan")

    def drawn(self, plan: str, reference: int) -> int:
        """How many clips an arm of `plan` draws, where the reference holds `reference` clips."""
        return self.fewer.get(plan, reference if self.clips is None else self.clips)
