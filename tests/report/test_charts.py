"""Charts of the page: what is drawn, whatever the numbers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from flowshot.report.page.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Points, chart, thinned, ticks


@given(low=st.floats(-1e6, 1e6), width=st.floats(0, 1e6))
def test_ticks_are_few_and_hold_the_range(low: float, width: float) -> None:
    found, first, last = ticks(low, low + width)
    rounding = 1e-9 * (abs(low) + width)
    assert first <= low + rounding and low + width - rounding <= last
    assert 2 <= len(found) <= 8
    assert len({text for _, text in found}) == len(found), "two ticks read the same"
    assert [value for value, _ in found] == sorted(value for value, _ in found)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=400), st.booleans())
def test_what_is_drawn_lies_within_the_axes(values: list[tuple[float, float]], lines: bool) -> None:
    drawn = chart("t", "x", "y", [Points("a", 0, tuple(values))], lines=lines)
    assert drawn is not None
    numbers = [float(one) for one in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", drawn.drawn[0][1])]
    places = list(zip(numbers[::2], numbers[1::2], strict=True)) if lines else list(drawn.drawn[0][2])
    assert places
    assert all(LEFT - 0.1 <= x <= RIGHT + 0.1 for x, _ in places)
    assert all(TOP - 0.1 <= y <= BOTTOM + 0.1 for _, y in places)
    assert RIGHT < WIDTH and BOTTOM < HEIGHT


def test_numbers_that_are_none_are_left_out_of_charts() -> None:
    nothing = Points("a", 0, ((1.0, float("nan")), (2.0, float("inf"))))
    assert chart("t", "x", "y", [nothing], lines=True) is None
    drawn = chart("t", "x", "y", [nothing, Points("b", 1, ((1.0, 2.0), (2.0, 3.0)))], lines=True)
    assert drawn is not None and [one.name for one, _, _ in drawn.drawn] == ["b"]


@given(st.integers(1, 2000))
def test_a_thinned_curve_keeps_its_ends_and_its_level(count: int) -> None:
    values = [(float(i), 3.0) for i in range(count)]
    kept = thinned(values, 160)
    assert len(kept) <= max(160, min(count, 160))
    assert (kept[0], kept[-1]) == (values[0], values[-1])
    assert {y for _, y in kept} == {3.0}
