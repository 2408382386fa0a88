"""Tables as Markdown and as CSV."""

import csv
import io
import re

from flowshot.report.layout import Cell, Column, Row, Table, is_set_apart, labels_of

NOTHING = "\u2013"  # an en dash: this arm has no such number
ARROWS = {"lower": "↓", "higher": "↑", None: ""}


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, also in a table's cell."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", " ".join(text.split()))


def markdown_table(table: Table) -> str:
    """A Markdown table under its caption; the floor, external systems and reconstructions are in italics."""
    labels = _label_headers(table)
    headers = [*labels, *(_markdown_header(column, table) for column in table.columns)]
    rules = [*(":--" for _ in labels), *("--:" for _ in table.columns)]
    rows = [_markdown_row(row, table) for group in table.groups for row in group]
    lines = [_markdown_line(cells) for cells in (headers, rules, *rows)]
    return "\n".join([escape_markdown(" ".join(table.caption)), "", *lines, ""])


def csv_table(table: Table) -> str:
    """The numbers of a table as CSV, with decimal points in every language.

    Behind each column stand those of its standard deviation (`±`), of the ends of its interval, and of `†`, where the
    table has any.
    """
    columns = [(column, [row.cells[j] for row in _rows(table)]) for j, column in enumerate(table.columns)]
    header, content = _label_headers(table), [labels_of(row, table) for row in _rows(table)]
    for column, cells in columns:
        parts = _csv_parts(column, cells)
        title = " ".join(filter(None, (table.words.name(column.metric.title), column.by)))
        header += [f"{title} {table.words.name(part)}".rstrip() for part in parts]
        for line, values in zip(content, zip(*parts.values(), strict=True), strict=True):
            line += values
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *content])
    return file.getvalue()


def _csv_parts(column: Column, cells: list[Cell | None]) -> dict[str, list[str]]:
    """The numbers of one column of the table by what they are; those that no row has are left out."""

    def text(value: float | None) -> str:
        return "" if value is None else column.text(value).replace(",", "")

    low, high = ([cell.interval[end] if cell and cell.interval else None for cell in cells] for end in (0, 1))
    spread = [cell.spread if cell and not column.is_constant(cell) else None for cell in cells]
    parts = {
        "": [text(cell.value if cell else None) for cell in cells],
        "±": list(map(text, spread)),
        "low": list(map(text, low)),
        "high": list(map(text, high)),
        "†": ["†" if cell and cell.few else "" for cell in cells],
    }
    return {name: values for name, values in parts.items() if not name or any(values)}


def _rows(table: Table) -> list[Row]:
    return [row for group in table.groups for row in group]


def _label_headers(table: Table) -> list[str]:
    return [table.words.name(name) for name in (["autoencoder", "prior"] if table.shows_prior else ["autoencoder"])]


def _markdown_header(column: Column, table: Table) -> str:
    title = table.words.name(column.metric.title)
    parts = (escape_markdown(title), escape_markdown(column.by), ARROWS[column.metric.better])
    return " ".join(filter(None, parts))


def _markdown_row(row: Row, table: Table) -> list[str]:
    mark = "*" if is_set_apart(row, table) else ""
    labels = [f"{mark}{escape_markdown(label)}{mark}" if label else "" for label in labels_of(row, table)]
    return labels + [_markdown_cell(cell, column, table) for cell, column in zip(row.cells, table.columns, strict=True)]


def _markdown_cell(cell: Cell | None, column: Column, table: Table) -> str:
    if cell is None:
        return NOTHING
    number = table.words.number
    text = number(column.text(cell.value))
    text = f"**{text}**" if cell.best else text
    text += "†" if cell.few else ""
    if cell.spread is not None and not column.is_constant(cell):
        return f"{text} ± {number(column.text(cell.spread))}"
    if cell.interval is not None:
        low, high = (column.text(limit) for limit in cell.interval)
        return f"{text} {escape_markdown(table.words.interval(low, high))}"
    return text


def _markdown_line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
