"""How clips are drawn from a trained model."""

from dataclasses import dataclass

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class SampleConfig(Section):
    """How clips are drawn from an arm."""

    batch_size: int

    def __post_init__(self) -> None:
        require(self.batch_size > 0, "batch_size must be above 0")
