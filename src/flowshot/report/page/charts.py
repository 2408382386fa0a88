"""Charts of the page as geometry: what an SVG needs, in the units of its view box. The template draws them.

Everything that is drawn has a class, none a colour: the style sheet colours it, light, dark and printed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# As wide as a phone shows, so that letters keep their size there; wider screens put charts side by side.
WIDTH, HEIGHT = 360.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 16.0, 8.0, 34.0
MOST_POINTS = 160  # of a line; more cannot be told apart at this width


@dataclass(frozen=True)
class Points:
    """What one training or arm has in a chart: `style` numbers its look, which all charts share."""

    name: str
    style: int
    values: tuple[tuple[float, float], ...]
    hollow: bool = False


@dataclass(frozen=True)
class Tick:
    """A number at an axis, and where it stands."""

    at: float
    text: str


@dataclass(frozen=True)
class Drawn:
    """`Points` in the units of the view box: the path that joins them, and where each stands."""

    name: str
    style: int
    path: str
    marks: tuple[tuple[float, float], ...]
    hollow: bool


@dataclass(frozen=True)
class Chart:
    """Axes with ticks, and what is drawn between them. `title` is read out; `x_label`, `y_label` stand at the axes."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    drawn: tuple[Drawn, ...]
    lines: bool
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Part:
    """A piece of a bar."""

    kind: str
    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart: parts side by side, and the number behind them."""

    name: str
    style: int
    parts: tuple[Part, ...]
    total: str


def chart(
    title: str, x_label: str, y_label: str, points: Sequence[Points], *, lines: bool, from_zero: bool = False
) -> Chart | None:
    """Scale `points` to a chart with round ticks; None where there is nothing finite to draw."""
    finite = [
        Points(one.name, one.style, tuple(p for p in one.values if all(map(math.isfinite, p))), one.hollow)
        for one in points
    ]
    xs = [x for one in finite for x, _ in one.values]
    ys = [y for one in finite for _, y in one.values]
    if not xs:
        return None
    x_ticks, x_low, x_high = ticks(min(xs), max(xs))
    y_ticks, y_low, y_high = ticks(min(0.0, *ys) if from_zero else min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _between(x, x_low, x_high, LEFT, WIDTH - RIGHT),
            _between(y, y_low, y_high, HEIGHT - BOTTOM, TOP),
        )

    drawn = []
    for one in finite:
        if not one.values:
            continue
        marks = tuple(place(*value) for value in thinned(one.values, MOST_POINTS))
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in marks) if lines else ""
        # A curve of a few points is shown by them: two validations are no line to be read off.
        drawn.append(Drawn(one.name, one.style, path, marks if not lines or len(marks) < 8 else (), one.hollow))
    return Chart(
        title,
        x_label,
        y_label,
        tuple(Tick(place(value, y_low)[0], text) for value, text in x_ticks),
        tuple(Tick(place(x_low, value)[1], text) for value, text in y_ticks),
        tuple(drawn),
        lines,
    )


def bars(rows: Sequence[tuple[str, int, Sequence[tuple[str, float, str]], str]]) -> tuple[Bar, ...]:
    """Rows `(name, style, parts, total)` as bars to one scale; a part is `(kind, value, text)`, not below 0."""
    longest = max((sum(max(value, 0.0) for _, value, _ in parts) for _, _, parts, _ in rows), default=0.0)
    found = []
    for name, style, parts, total in rows:
        x, drawn = 0.0, []
        for kind, value, text in parts:
            width = _between(max(value, 0.0), 0.0, longest, 0.0, 100.0) if longest > 0 else 0.0
            drawn.append(Part(kind, round(x, 2), round(width, 2), text))
            x += width
        found.append(Bar(name, style, tuple(drawn), total))
    return tuple(found)


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
    inner, runs = values[1:-1], most - 2
    edges = [round(i * len(inner) / runs) for i in range(runs + 1)]
    means = [
        (sum(x for x, _ in run) / len(run), sum(y for _, y in run) / len(run))
        for run in (inner[a:b] for a, b in pairwise(edges))
        if run
    ]
    return [values[0], *means, values[-1]]


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    return round(start + (value - low) / (high - low) * (end - start), 1)
