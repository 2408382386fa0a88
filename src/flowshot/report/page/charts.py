"""Charts of the page as geometry: what an SVG needs, in the units of its view box. The template draws them.

Everything that is drawn has a class, none a colour: the style sheet colours it, light, dark and printed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# As wide as a phone shows, so that letters keep their size there; wider screens put charts side by side.
WIDTH, HEIGHT = 360.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 344.0, 8.0, 206.0  # of the axes
VIEW = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
MOST_POINTS = 160  # of a line; more cannot be told apart at this width

Places = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Points:
    """What one training has in a chart: `style` numbers its look, which all charts share."""

    name: str
    style: int
    values: Places
    hollow: bool = False


@dataclass(frozen=True)
class Chart:
    """What is drawn between axes with ticks `(place, text)`, in the units of the view box; `title` is read out.

    `drawn`: points, the path that joins them, and their marks.
    """

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    drawn: tuple[tuple[Points, str, Places], ...]


def chart(title: str, x_label: str, y_label: str, points: Sequence[Points], *, lines: bool) -> Chart | None:
    """Scale `points` to a chart with round ticks; None where there is nothing finite to draw."""
    finite = [(one, tuple(place for place in one.values if all(map(math.isfinite, place)))) for one in points]
    xs, ys = ([place[axis] for _, values in finite for place in values] for axis in (0, 1))
    if not xs:
        return None
    x_ticks, x_low, x_high = ticks(min(xs), max(xs))
    y_ticks, y_low, y_high = ticks(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        return _between(x, x_low, x_high, LEFT, RIGHT), _between(y, y_low, y_high, BOTTOM, TOP)

    drawn = []
    for one, values in finite:
        if values:
            marks = tuple(place(*value) for value in thinned(values, MOST_POINTS))
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in marks) if lines else ""
            # A curve of a few points is shown by them: two validations are no line to be read off.
            marks = marks if not lines or len(marks) < 8 else ()
            drawn.append((one, path, marks))
    return Chart(
        title,
        x_label,
        y_label,
        tuple((place(value, y_low)[0], text) for value, text in x_ticks),
        tuple((place(x_low, value)[1], text) for value, text in y_ticks),
        tuple(drawn),
    )


def ticks(low: float, high: float, most: int = 5) -> tuple[list[tuple[float, str]], float, float]:
    """Round numbers from at most `low` to at least `high` with their texts, and both ends of that axis."""
    # Imported here because matplotlib takes most of a second, which reading scores should not wait for.
    from matplotlib.ticker import MaxNLocator

    if low == high:
        low, high = (low - 0.5 * abs(low), high + 0.5 * abs(high)) if low else (0.0, 1.0)
    found = [float(value) for value in MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    step = found[1] - found[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    decimals += 1 if round(step, decimals) != round(step, decimals + 1) else 0
    texts = [f"{value + 0.0:,.{decimals}f}" if abs(value) < 1e7 else f"{value:.2g}" for value in found]
    return list(zip(found, texts, strict=True)), found[0], found[-1]


def thinned(values: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points: of each run of neighbours their mean, the first and the last as they are."""
    if len(values) <= most:
        return list(values)
    means = (np.mean(run, axis=0).tolist() for run in np.array_split(values[1:-1], most - 2))
    return [values[0], *((x, y) for x, y in means), values[-1]]


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    return round(start + (value - low) / (high - low) * (end - start), 1)
