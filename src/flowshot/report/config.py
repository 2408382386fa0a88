"""The section `report` of `params.yaml`."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class ReportConfig(Section):
    """How tables and figures are written.

    `equivalence_margin`: two arms are equivalent if they differ by less than this share of the other arm's distance
    from the floor.
    """

    digits: int
    language: Literal["en", "pl"]
    equivalence_margin: float

    def __post_init__(self) -> None:
        require(1 <= self.digits <= 10, "digits must lie between 1 and 10")
        require(0 < self.equivalence_margin < 1, "equivalence_margin must lie between 0 and 1")
