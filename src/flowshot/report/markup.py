"""Tables as Markdown and as CSV."""

import re

import pandas as pd

from flowshot.report.layout import ARROWS, NOTHING, Cell, Column, Row, Table


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, also in a table's cell."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", " ".join(text.split()))


def markdown_table(table: Table) -> str:
    """A Markdown table under its caption; what does not compete with the arms is in italics."""
    titles = (f"{escape_markdown(table.title(one))} {ARROWS[one.metric.better]}".rstrip() for one in table.columns)
    rules = [*(":--" for _ in table.headers), *("--:" for _ in table.columns)]
    rows = [_row(row, table) for row in table.rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in ([*table.headers, *titles], rules, *rows)]
    return "\n".join([escape_markdown(" ".join(table.caption)), "", *lines, ""])


def _row(row: Row, table: Table) -> list[str]:
    mark = "*" if row.apart else ""
    labels = [f"{mark}{escape_markdown(label)}{mark}" if label else "" for label in table.labels(row)]
    return labels + [_cell(cell, column, table) for cell, column in zip(row.cells, table.columns, strict=True)]


def _cell(cell: Cell | None, column: Column, table: Table) -> str:
    if cell is None:
        return NOTHING
    bold, few = "**" if cell.best else "", "†" if cell.few else ""
    text = f"{bold}{table.number(cell, column)}{bold}{few}"
    return f"{text} {escape_markdown(table.spread(cell, column))}".rstrip()


def csv_table(table: Table) -> str:
    """The numbers of a table as CSV, with decimal points in every language.

    Behind each column stand those of its standard deviation (`±`), of the ends of its interval, and of `†`, where the
    table has any.
    """
    content = dict(zip(table.headers, zip(*map(table.labels, table.rows), strict=True), strict=True))
    for j, column in enumerate(table.columns):
        cells = [row.cells[j] for row in table.rows]
        ends = [(cell and column.interval(cell)) or ("", "") for cell in cells]
        parts = {
            "": [(table.words(cell.word) if cell.word else column.text(cell.value)) if cell else "" for cell in cells],
            "±": [column.spread(cell) if cell else "" for cell in cells],
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
            "†": ["†" if cell and cell.few else "" for cell in cells],
        }
        for name, values in parts.items():
            if not name or any(values):
                title = f"{table.title(column)} {table.words(name)}".rstrip()
                content[title] = tuple(value.replace(",", "") for value in values)
    return pd.DataFrame(content).to_csv(index=False, lineterminator="\n")
