r"""Tables as LaTeX, to be read with `\input` as they are.

They need `booktabs` alone, and are scaled to the width of the text where `graphicx` is loaded. Every number stands in
`\num`: where a document loads `siunitx`, its settings apply, such as `\sisetup{group-digits=false}`; elsewhere the
table brings a `\num` of its own, which knows the decimal mark. All columns have the same decimals from top to bottom,
so that right-aligned numbers line up at their mark.
"""

import re

from flowshot.report.layout import Cell, Column, Row, Table, is_set_apart, labels_of

LAST_LATIN = "\u017f"  # the end of the Unicode block Latin Extended-A,
NOT_IN_T1 = frozenset("ĦħĸĿŀŉŦŧſ")  # of which the T1 encoding of TeX's fonts has no others missing
ARROWS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$", None: ""}
CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "±": r"$\pm$", "†": r"$\dagger$", "\u00a0": "~", "\u2013": "--",
    "×": r"$\times$", "³": "$^3$", "∞": r"$\infty$",  # noqa: RUF001
}  # fmt: skip
COMMENTS = (
    r"% Needs \usepackage{booktabs}. With \usepackage{siunitx} its settings apply to the numbers.",
    r"% With \usepackage{graphicx}, a table that is wider than the text is scaled to it.",
    r"% With pdflatex, a list of tables with accents needs \usepackage[T1]{fontenc}.",
)
# mode=text and detect-weight, which versions 2 and 3 of siunitx know, let bold numbers be bold.
SIUNITX = {
    "en": r"\sisetup{mode=text,detect-weight}",
    "pl": r"\sisetup{mode=text,detect-weight,output-decimal-marker={,}}",
}
# 315 is the code of the comma as an ordinary symbol of mathematics, which no space follows.
NUM = {"en": r"\def\num#1{\ensuremath{#1}}", "pl": r"\def\num#1{{\mathcode`\.=315 \ensuremath{#1}}}"}
# Without fontenc, LaTeX begins in an encoding that has no ogonek.
ACCENTS = r"\def\old{OT1}\expandafter\ifx\csname f@encoding\endcsname\old\fontencoding{T1}\selectfont\fi"


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
    labels = [table.words.name(name) for name in (["autoencoder", "prior"] if table.shows_prior else ["autoencoder"])]
    headers = [*map(escape_latex, labels), *(_header(column, table) for column in table.columns)]
    groups = ["\n".join(_line(_row(row, table)) for row in group) for group in table.groups]
    caption = rf"\caption[{{{escape_latex(table.caption[0])}}}]{{{escape_latex(' '.join(table.caption))}}}"
    lines = [
        r"  \centering\footnotesize\setlength{\tabcolsep}{2.5pt}",
        r"  \renewcommand{\arraystretch}{1.25}\setlength{\belowcaptionskip}{6pt}",
        rf"  \ifdefined\sisetup{SIUNITX[language]}\else{NUM[language]}\fi",
        f"  {caption}",
        rf"  \label{{tab:{'-'.join(_label(name) for name in (plan, table.dataset, table.name))}}}",
        rf"  \sbox0{{\begin{{tabular}}{{@{{}}{'l' * len(labels)}{'r' * len(table.columns)}@{{}}}}",
        r"    \toprule",
        _line(headers),
        r"    \midrule",
        "\n    \\midrule\n".join(groups),
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"  \ifdefined\resizebox\ifdim\wd0>\linewidth\sbox0{\resizebox{\linewidth}{!}{\usebox0}}\fi\fi\usebox0",
    ]
    if any(not line.isascii() for line in lines):
        lines.insert(0, f"  {ACCENTS}")
    return "\n".join([*COMMENTS, r"\begin{table}[tbp]", *lines, r"\end{table}", ""])


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _header(column: Column, table: Table) -> str:
    # One word a line, because seven columns have to fit between the margins of a page.
    words = [escape_latex(word) for word in table.words.name(column.metric.title).split()]
    words[-1] = f"{words[-1]} {ARROWS[column.metric.better]}".strip()
    words += [escape_latex(word) for word in column.by.split()]
    return r"\shortstack[r]{" + r"\\".join(words) + "}"


def _row(row: Row, table: Table) -> list[str]:
    labels = [escape_latex(label) for label in labels_of(row, table)]
    if is_set_apart(row, table):
        labels = [rf"\textit{{{label}}}" if label else "" for label in labels]
    return labels + [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]


def _cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return "--"
    text = _number(cell.value, column)
    text = rf"{{\bfseries\boldmath{text}}}" if cell.best else text
    text += r"$^\dagger$" if cell.few else ""
    if cell.spread is not None and not column.is_constant(cell):
        return rf"{text} {{\scriptsize$\pm${_number(cell.spread, column)}}}"
    if cell.interval is not None:
        low, high = (_number(limit, column) for limit in cell.interval)
        return rf"{text}$\,_{{{low}}}^{{{high}}}$"
    return text


def _number(value: float, column: Column) -> str:
    return rf"\num{{{column.text(value).replace(',', '')}}}"


def _line(cells: list[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"
