"""What a table is made of, before it becomes Markdown, LaTeX, CSV or HTML."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flowshot.core.plan import EXTERNAL, REAL, RECONSTRUCTION
from flowshot.report.language import Words
from flowshot.report.registry import TABLES, Metric, embedding_title
from flowshot.scoring.metrics.score import NO_EMBEDDING

ARROWS = {"lower": "↓", "higher": "↑", None: ""}
NOTHING = "\u2013"  # an en dash: this arm has no such number


@dataclass(frozen=True)
class Cell:
    """The mean over seeds with their standard deviation, or one seed's value with its own interval."""

    value: float
    spread: float | None = None
    interval: tuple[float, float] | None = None
    best: bool = False
    few: bool = False  # from too few clips for the dimension of the embedding
    word: str = ""  # English, shown instead of the value, which still sorts


@dataclass(frozen=True)
class Column:
    """A metric under one embedding ("none" where it needs none); its texts are English."""

    metric: Metric
    embedding: str
    decimals: int = 0  # of all its numbers, so that they line up and compare

    @property
    def by(self) -> str:
        """The embedding's title, empty where there is none."""
        return "" if self.embedding == NO_EMBEDDING else embedding_title(self.embedding)

    def text(self, value: float) -> str:
        """A number of this column."""
        # A number of numpy would be rounded in another way; 0.0 is added because it has no negative zero.
        rounded = round(float(value) * self.metric.scale, self.decimals) + 0.0
        return f"{rounded:,.{self.decimals}f}" if self.metric.whole else f"{rounded:.{self.decimals}f}"

    def spread(self, cell: Cell) -> str:
        """The standard deviation; empty where there is none, or where a count was the same for every seed."""
        return "" if cell.spread is None or (self.metric.whole and cell.spread == 0) else self.text(cell.spread)

    def interval(self, cell: Cell) -> tuple[str, str] | None:
        """The ends of the interval."""
        return (self.text(cell.interval[0]), self.text(cell.interval[1])) if cell.interval else None


@dataclass(frozen=True)
class Row:
    """An arm, with a cell or None for each column; `apart` where it does not compete with the arms."""

    autoencoder: str
    prior: str
    cells: tuple[Cell | None, ...]
    apart: bool = False


@dataclass(frozen=True)
class Table:
    """A table of one dataset, its rows in groups."""

    name: str
    dataset: str
    caption: tuple[str, ...]  # sentences
    columns: tuple[Column, ...]
    groups: tuple[tuple[Row, ...], ...]
    words: Words  # its language; `caption` is written in it already, titles and numbers are not
    shows_prior: bool = True
    header: tuple[str, str] = ("autoencoder", "prior")  # English

    @property
    def heading(self) -> str:
        """What stands above the table."""
        return self.words(TABLES[self.name]["title"])

    @property
    def rows(self) -> list[Row]:
        """Those of all groups."""
        return [row for group in self.groups for row in group]

    @property
    def headers(self) -> tuple[str, ...]:
        """What stands above the labels of the rows."""
        return tuple(map(self.words, self.header[: 1 + self.shows_prior]))

    def labels(self, row: Row) -> tuple[str, ...]:
        """What stands at the left of a row; in the table's language where no one named it in `params.yaml`."""
        if row.autoencoder == REAL:
            return self.words("real (floor)"), ""
        model = self.words(EXTERNAL) if row.autoencoder == EXTERNAL else row.autoencoder
        prior = self.words(RECONSTRUCTION) if row.prior == RECONSTRUCTION else row.prior
        return (model, prior)[: 1 + self.shows_prior]

    def title(self, column: Column) -> str:
        """The heading of a column."""
        return f"{self.words(column.metric.title)} {column.by}".rstrip()

    def number(self, cell: Cell, column: Column) -> str:
        """The value of a cell as text, or its word."""
        return self.words(cell.word) if cell.word else self.words.number(column.text(cell.value))

    def spread(self, cell: Cell, column: Column) -> str:
        """The standard deviation or interval of a cell as text; empty where it has neither."""
        if spread := column.spread(cell):
            return f"± {self.words.number(spread)}"
        ends = column.interval(cell)
        return self.words.interval(*ends) if ends else ""


def decimals(values: Iterable[float], digits: int, scale: float = 1.0) -> int:
    """As many as the largest of the values needs to show `digits` digits."""
    largest = max(map(abs, values), default=0.0) * scale
    return max(digits - 1 - math.floor(math.log10(largest)), 0) if largest > 0 else digits - 1


def seeds_cell(values: pd.Series) -> Cell | None:
    """The mean over seeds, with the standard deviation of several; None where all are NaN."""
    found: Any = values.dropna()
    return Cell(found.mean(), found.std() if len(found) > 1 else None) if len(found) else None


def best_marked(cells: Sequence[Cell | None], column: Column) -> list[Cell | None]:
    """Cells that compete in one metric, with its best marked, and those that read the same; none where one competes."""
    values = [cell.value for cell in cells if cell]
    better = column.metric.better if len(values) > 1 else None
    if better is None:
        return list(cells)
    best = column.text((min if better == "lower" else max)(values))
    return [replace(cell, best=True) if cell and column.text(cell.value) == best else cell for cell in cells]
