"""Tables of the report as the template shows them: texts, and the values that a browser sorts by."""

from dataclasses import dataclass

from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.results import EXTERNAL, REAL, RECONSTRUCTION

ARROWS = {"lower": "↓", "higher": "↑", None: ""}
NOTHING = "\u2013"  # an en dash: this arm has no such number
MINUS = "\u2212"  # as wide as a digit, so that columns line up


@dataclass(frozen=True)
class ColumnView:
    """A heading; `label` where its column holds names."""

    text: str
    arrow: str = ""
    better: str = ""
    label: bool = False


@dataclass(frozen=True)
class CellView:
    """A number with its mark and its spread or interval; `value` is what it is sorted by, empty where there is none."""

    text: str
    value: str = ""
    spread: str = ""
    mark: str = ""
    best: bool = False


@dataclass(frozen=True)
class RowView:
    """`apart`: no arm, but what arms are compared with."""

    labels: tuple[str, ...]
    cells: tuple[CellView, ...]
    apart: bool


@dataclass(frozen=True)
class TableView:
    """A table under its title; `address` is its file beside the page."""

    title: str
    caption: str
    columns: tuple[ColumnView, ...]
    groups: tuple[tuple[RowView, ...], ...]
    address: str


def table_view(table: Table, title: str, address: str) -> TableView:
    """The table in its own language."""
    words = table.words
    names = ("autoencoder", "prior") if table.shows_prior else ("autoencoder",)
    better = {"lower": words("lower is better"), "higher": words("higher is better"), None: ""}
    columns = [ColumnView(words(name), label=True) for name in names]
    for column in table.columns:
        text = " ".join(filter(None, (words.name(column.metric.title), column.by)))
        columns.append(ColumnView(text, ARROWS[column.metric.better], better[column.metric.better]))
    groups = tuple(tuple(_row(row, table) for row in group) for group in table.groups)
    return TableView(title, " ".join(table.caption), tuple(columns), groups, address)


def _row(row: Row, table: Table) -> RowView:
    words = table.words
    labels: tuple[str, ...] = (row.autoencoder,)
    if table.shows_prior:
        labels = (words.name("real (floor)"), "") if row.autoencoder == REAL else (row.autoencoder, row.prior)
    apart = table.shows_prior and (row.autoencoder in (REAL, EXTERNAL) or row.prior == RECONSTRUCTION)
    cells = tuple(_cell(cell, column, table) for cell, column in zip(row.cells, table.columns, strict=True))
    return RowView(labels, cells, apart)


def _cell(cell: Cell | None, column: Column, table: Table) -> CellView:
    if cell is None:
        return CellView(NOTHING)

    def number(value: float) -> str:
        return table.words.number(column.text(value)).replace("-", MINUS)

    spread = ""
    if cell.spread is not None and not column.is_constant(cell):
        spread = f"± {number(cell.spread)}"
    elif cell.interval is not None:
        low, high = (column.text(limit) for limit in cell.interval)
        spread = table.words.interval(low, high).replace("-", MINUS)
    return CellView(number(cell.value), repr(cell.value), spread, "†" if cell.few else "", cell.best)
