import math

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.score import Score


@pytest.mark.parametrize("numbers", [(math.nan, None, None), (1.0, -math.inf, 2.0), (1.0, 0.0, math.nan)])
def test_a_number_that_is_not_finite_never_becomes_a_score(numbers: tuple) -> None:
    with pytest.raises(FlowshotError, match=r"fad.*yamnet.*not finite"):
        Score("fad", "yamnet", *numbers, 10)
