"""The section `report` of `params.yaml`."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class ReportConfig(Section):
    """How tables and figures are written."""

    digits: int
    language: Literal["en", "pl"]

    def __post_init__(self) -> None:
        require(1 <= self.digits <= 10, "digits must lie between 1 and 10")
