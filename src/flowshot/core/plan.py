"""The axes of the factorial."""

from dataclasses import dataclass

from flowshot.core.sections import NAME, NAME_RULE, Section, require
from flowshot.training.config import BudgetConfig


@dataclass(frozen=True)
class PlanConfig(Section):
    """The axes of the factorial and the budget of each arm."""

    name: str
    datasets: tuple[str, ...]
    autoencoders: tuple[str, ...]
    priors: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig

    def __post_init__(self) -> None:
        require(NAME.fullmatch(self.name) is not None, f"name {NAME_RULE}, found {self.name!r}")
        for axis in ("datasets", "autoencoders", "priors", "seeds"):
            values = getattr(self, axis)
            require(len(values) > 0, f"{axis} must name at least one")
            require(len(set(values)) == len(values), f"{axis} names one twice")
