r"""Tables as LaTeX, to be read with `\input` as they are; pandas writes their rows.

They need `booktabs`, `siunitx` and `graphicx`, which scales a table that is wider than the text. Every number stands
in `\num`, so that the settings of a document apply, such as `\sisetup{group-digits=false}`. All columns have the same
decimals from top to bottom, so that right-aligned numbers line up at their mark.
"""

import re

import pandas as pd

from flowshot.report.layout import Cell, Column, Table

LAST_LATIN = "\u017f"  # the end of the Unicode block Latin Extended-A, which T1 fonts have
ARROWS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$", None: ""}
CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "±": r"$\pm$", "†": r"$\dagger$", "\u00a0": "~", "\u2013": "--",
    "×": r"$\times$", "³": "$^3$", "∞": r"$\infty$",  # noqa: RUF001
}  # fmt: skip
COMMENT = r"% Needs \usepackage{booktabs,graphicx,siunitx}; names with accents need \usepackage[T1]{fontenc}."
# mode=text and detect-weight, which versions 2 and 3 of siunitx know, let bold numbers be bold.
SIUNITX = {"en": "mode=text,detect-weight", "pl": "mode=text,detect-weight,output-decimal-marker={,}"}


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is.

    Characters beyond Latin letters, which LaTeX stops at without further packages, become `?`.
    """
    known = (one if one <= LAST_LATIN and one.isprintable() else "?" for one in text)
    return "".join(CHARACTERS.get(one, kept) for one, kept in zip(text, known, strict=True))


def latex_table(table: Table, plan: str) -> str:
    r"""A `table` environment with the label `tab:PLAN-DATASET-TABLE` and its first sentence for the list of tables."""
    short, long = escape_latex(table.caption[0]), escape_latex(" ".join(table.caption))
    label = "-".join(re.sub(r"[^A-Za-z0-9_-]+", "-", name) for name in (plan, table.dataset, table.name))
    text = rf"""  \centering\footnotesize\setlength{{\tabcolsep}}{{2.5pt}}
  \renewcommand{{\arraystretch}}{{1.25}}\setlength{{\belowcaptionskip}}{{6pt}}
  \sisetup{{{SIUNITX[table.words.language]}}}
  \caption[{short}]{{{long}}}
  \label{{tab:{label}}}
  \sbox0{{{_tabular(table)}}}
  \ifdim\wd0>\linewidth\sbox0{{\resizebox{{\linewidth}}{{!}}{{\usebox0}}}}\fi\usebox0
"""
    return f"{COMMENT}\n\\begin{{table}}[tbp]\n{text}\\end{{table}}\n"


def _tabular(table: Table) -> str:
    headers = [*map(escape_latex, table.headers), *(_header(column, table) for column in table.columns)]
    rows = []
    for row in table.rows:
        labels = [escape_latex(label) for label in table.labels(row)]
        labels = [rf"\textit{{{label}}}" if row.apart and label else label for label in labels]
        begins = any(row is group[0] for group in table.groups[1:])
        labels[0] = rf"\midrule {labels[0]}" if begins else labels[0]
        rows.append(
            labels + [_cell(cell, column, table) for cell, column in zip(row.cells, table.columns, strict=True)]
        )
    shown = pd.DataFrame(rows).style.hide(axis="index")
    shown.format_index(lambda place: headers[int(str(place))], axis="columns")
    columns = f"@{{}}{'l' * len(table.headers)}{'r' * len(table.columns)}@{{}}"
    return shown.to_latex(hrules=True, column_format=columns).rstrip()


def _header(column: Column, table: Table) -> str:
    # One word a line, because seven columns have to fit between the margins of a page.
    words = [escape_latex(word) for word in table.words(column.metric.title).split()]
    words[-1] = f"{words[-1]} {ARROWS[column.metric.better]}".strip()
    words += [escape_latex(word) for word in column.by.split()]
    return r"\shortstack[r]{" + r"\\".join(words) + "}"


def _cell(cell: Cell | None, column: Column, table: Table) -> str:
    if cell is None:
        return "--"
    if cell.word:
        return escape_latex(table.words(cell.word))
    text = _number(column.text(cell.value))
    text = rf"{{\bfseries\boldmath{text}}}" if cell.best else text
    text += r"$^\dagger$" if cell.few else ""
    if spread := column.spread(cell):
        return rf"{text} {{\scriptsize$\pm${_number(spread)}}}"
    if ends := column.interval(cell):
        return rf"{text}$\,_{{{_number(ends[0])}}}^{{{_number(ends[1])}}}$"
    return text


def _number(text: str) -> str:
    return rf"\num{{{text.replace(',', '')}}}"
