r"""Tables as LaTeX, to be read with `\input` as they are; pandas writes their rows.

They need `booktabs` alone, and are scaled to the width of the text where `graphicx` is loaded. Every number stands in
`\num`: where a document loads `siunitx`, its settings apply, such as `\sisetup{group-digits=false}`; elsewhere the
table brings a `\num` of its own, which knows the decimal mark. All columns have the same decimals from top to bottom,
so that right-aligned numbers line up at their mark.
"""

import re

import pandas as pd

from flowshot.report.layout import Cell, Column, Table

LAST_LATIN = "\u017f"  # the end of the Unicode block Latin Extended-A,
NOT_IN_T1 = frozenset("ĦħĸĿŀŉŦŧſ")  # of which the T1 encoding of TeX's fonts has no others missing
ARROWS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$", None: ""}
CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "±": r"$\pm$", "†": r"$\dagger$", "\u00a0": "~", "\u2013": "--",
    "×": r"$\times$", "³": "$^3$", "∞": r"$\infty$",  # noqa: RUF001
}  # fmt: skip
COMMENTS = r"""% Needs \usepackage{booktabs}. With \usepackage{siunitx} its settings apply to the numbers.
% With \usepackage{graphicx}, a table that is wider than the text is scaled to it.
% With pdflatex, a list of tables with accents needs \usepackage[T1]{fontenc}.
"""
# mode=text and detect-weight, which versions 2 and 3 of siunitx know, let bold numbers be bold.
SIUNITX = {
    "en": r"\sisetup{mode=text,detect-weight}",
    "pl": r"\sisetup{mode=text,detect-weight,output-decimal-marker={,}}",
}
# 315 is the code of the comma as an ordinary symbol of mathematics, which no space follows.
NUM = {"en": r"\def\num#1{\ensuremath{#1}}", "pl": r"\def\num#1{{\mathcode`\.=315 \ensuremath{#1}}}"}
# Without fontenc, LaTeX begins in an encoding that has no ogonek.
ACCENTS = "  \\def\\old{OT1}\\expandafter\\ifx\\csname f@encoding\\endcsname\\old\\fontencoding{T1}\\selectfont\\fi\n"


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is.

    Characters beyond Latin letters, which LaTeX stops at without further packages, become `?`.
    """
    return "".join(CHARACTERS.get(one, one if is_known(one) else "?") for one in text)


def is_known(character: str) -> bool:
    """Whether LaTeX can set a character in the T1 encoding."""
    return character <= LAST_LATIN and character.isprintable() and character not in NOT_IN_T1


def latex_table(table: Table, plan: str) -> str:
    r"""A `table` environment with the label `tab:PLAN-DATASET-TABLE` and its first sentence for the list of tables."""
    language = table.words.language
    short, long = escape_latex(table.caption[0]), escape_latex(" ".join(table.caption))
    label = "-".join(re.sub(r"[^A-Za-z0-9_-]+", "-", name) for name in (plan, table.dataset, table.name))
    text = rf"""  \centering\footnotesize\setlength{{\tabcolsep}}{{2.5pt}}
  \renewcommand{{\arraystretch}}{{1.25}}\setlength{{\belowcaptionskip}}{{6pt}}
  \ifdefined\sisetup{SIUNITX[language]}\else{NUM[language]}\fi
  \caption[{short}]{{{long}}}
  \label{{tab:{label}}}
  \sbox0{{{_tabular(table)}}}
  \ifdefined\resizebox\ifdim\wd0>\linewidth\sbox0{{\resizebox{{\linewidth}}{{!}}{{\usebox0}}}}\fi\fi\usebox0
"""
    return f"{COMMENTS}\\begin{{table}}[tbp]\n{'' if text.isascii() else ACCENTS}{text}\\end{{table}}\n"


def _tabular(table: Table) -> str:
    headers = [*map(escape_latex, table.headers), *(_header(column, table) for column in table.columns)]
    rows = []
    for group in table.groups:
        for row in group:
            labels = [escape_latex(label) for label in table.labels(row)]
            labels = [rf"\textit{{{label}}}" if row.apart and label else label for label in labels]
            labels[0] = rf"\midrule {labels[0]}" if rows and row is group[0] else labels[0]
            cells = (_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True))
            rows.append([*labels, *cells])
    shown = pd.DataFrame(rows).style.hide(axis="index").format_index(lambda place: headers[place], axis="columns")
    columns = f"@{{}}{'l' * len(table.headers)}{'r' * len(table.columns)}@{{}}"
    return shown.to_latex(hrules=True, column_format=columns).rstrip()


def _header(column: Column, table: Table) -> str:
    # One word a line, because seven columns have to fit between the margins of a page.
    words = [escape_latex(word) for word in table.words(column.metric.title).split()]
    words[-1] = f"{words[-1]} {ARROWS[column.metric.better]}".strip()
    words += [escape_latex(word) for word in column.by.split()]
    return r"\shortstack[r]{" + r"\\".join(words) + "}"


def _cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return "--"
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
