"""One number of a comparison, with its certainty."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowshot.core.errors import FlowshotError

NO_EMBEDDING = "none"
# What every score has; what else is in its entry of a file are its details.
NUMBER = ("metric", "embedding", "value", "ci_low", "ci_high", "n")


@dataclass(frozen=True)
class Score:
    """A metric's value, its confidence interval, and the number of clips it rests on.

    `embedding` is "none" where the metric needs none; `ci_low` and `ci_high` are None where no interval
    can be given. `details` says how it was measured, in JSON's types. Raises FlowshotError where a number is not
    finite: such a score must never reach a table.
    """

    metric: str
    embedding: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [self.value, self.ci_low, self.ci_high]
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise FlowshotError(
                f"metric {self.metric} (embedding {self.embedding}, n={self.n}) is not finite: value {self.value}, "
                f"interval {self.ci_low} to {self.ci_high}; check the clips it was made from"
            )
