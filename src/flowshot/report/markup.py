"""Tables as Markdown and as LaTeX."""

import re

from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.results import EXTERNAL, REAL, RECONSTRUCTION

LAST_LATIN = "\u017f"  # the end of the Unicode block Latin Extended-A
NOTHING = "\u2013"  # an en dash: this arm has no such number
ARROWS = {"lower": "↓", "higher": "↑", None: ""}
LATEX_ARROWS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$", None: ""}
LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "±": r"$\pm$", "†": r"$\dagger$",
    "×": r"$\times$", "³": "$^3$",  # noqa: RUF001
}  # fmt: skip


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, also in a table's cell."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", " ".join(text.split()))


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is.

    Characters beyond Latin letters, which LaTeX stops at without further packages, become `?`.
    """
    known = (LATEX_CHARACTERS.get(one, one if one <= LAST_LATIN and one.isprintable() else "?") for one in text)
    return "".join(known)


def markdown_table(table: Table) -> str:
    """A Markdown table under its caption; the floor, external systems and reconstructions are in italics."""
    labels = ["autoencoder", "prior"] if table.shows_prior else ["autoencoder"]
    headers = [*labels, *(_markdown_header(column) for column in table.columns)]
    rules = [*(":--" for _ in labels), *("--:" for _ in table.columns)]
    rows = [_markdown_row(row, table) for group in table.groups for row in group]
    lines = [_markdown_line(cells) for cells in (headers, rules, *rows)]
    return "\n".join([escape_markdown(" ".join(table.caption)), "", *lines, ""])


def latex_table(table: Table) -> str:
    r"""A `table` environment; it needs `\usepackage{booktabs}`, and a T1 font where names have accents."""
    labels = [r"autoencoder", "prior"] if table.shows_prior else ["autoencoder"]
    headers = [*labels, *(_latex_header(column) for column in table.columns)]
    groups = ["\n".join(_latex_line(_latex_row(row, table)) for row in group) for group in table.groups]
    label = re.sub(r"[^A-Za-z0-9-]+", "-", f"{table.dataset}-{table.name}")
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs}; names with accents need \usepackage[T1]{fontenc}.",
            r"\begin{table}[tbp]",
            r"  \centering\footnotesize\setlength{\tabcolsep}{2.5pt}",
            r"  \renewcommand{\arraystretch}{1.25}\setlength{\belowcaptionskip}{6pt}",
            rf"  \caption{{{escape_latex(' '.join(table.caption))}}}",
            rf"  \label{{tab:{label}}}",
            rf"  \begin{{tabular}}{{@{{}}{'l' * len(labels)}{'r' * len(table.columns)}@{{}}}}",
            r"    \toprule",
            _latex_line(headers),
            r"    \midrule",
            "\n    \\midrule\n".join(groups),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _labels(row: Row, table: Table) -> list[str]:
    if not table.shows_prior:
        return [row.autoencoder]
    return ["real (floor)", ""] if row.autoencoder == REAL else [row.autoencoder, row.prior]


def _set_apart(row: Row, table: Table) -> bool:
    return table.shows_prior and (row.autoencoder in (REAL, EXTERNAL) or row.prior == RECONSTRUCTION)


def _markdown_header(column: Column) -> str:
    parts = (escape_markdown(column.metric.title), escape_markdown(column.by), ARROWS[column.metric.better])
    return " ".join(filter(None, parts))


def _markdown_row(row: Row, table: Table) -> list[str]:
    mark = "*" if _set_apart(row, table) else ""
    labels = [f"{mark}{escape_markdown(label)}{mark}" if label else "" for label in _labels(row, table)]
    return labels + [_markdown_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]


def _markdown_cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return NOTHING
    text = f"**{column.text(cell.value)}**" if cell.best else column.text(cell.value)
    text += "†" if cell.few else ""
    if cell.spread is not None and not column.is_constant(cell):
        return f"{text} ± {column.text(cell.spread)}"
    if cell.interval is not None:
        low, high = cell.interval
        return rf"{text} \[{column.text(low)}, {column.text(high)}\]"
    return text


def _markdown_line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_header(column: Column) -> str:
    # One word a line, because seven columns have to fit between the margins of a page.
    words = [escape_latex(word) for word in column.metric.title.split()]
    words[-1] = f"{words[-1]} {LATEX_ARROWS[column.metric.better]}".strip()
    words += [escape_latex(word) for word in column.by.split()]
    return r"\shortstack[r]{" + r"\\".join(words) + "}"


def _latex_row(row: Row, table: Table) -> list[str]:
    labels = [escape_latex(label) for label in _labels(row, table)]
    if _set_apart(row, table):
        labels = [rf"\textit{{{label}}}" if label else "" for label in labels]
    return labels + [_latex_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]


def _latex_cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return "--"
    text = _latex_number(column.text(cell.value))
    text = rf"\textbf{{{text}}}" if cell.best else text
    text += r"$^\dagger$" if cell.few else ""
    if cell.spread is not None and not column.is_constant(cell):
        return rf"{text} {{\scriptsize$\pm${_latex_number(column.text(cell.spread))}}}"
    if cell.interval is not None:
        low, high = (column.text(limit) for limit in cell.interval)
        return rf"{text}$\,_{{{low}}}^{{{high}}}$"
    return text


def _latex_number(text: str) -> str:
    return text.replace("-", r"$-$")


def _latex_line(cells: list[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"
