"""Tables in LaTeX: they compile as they are, whatever the names, in both languages."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_files import write_scores_of

from flowshot.core.plan import PlanConfig
from flowshot.report.build import TITLES, plan_tables
from flowshot.report.language import Words
from flowshot.report.latex import CHARACTERS, LAST_LATIN, escape_latex, is_known, latex_table
from flowshot.report.layout import Table
from flowshot.report.registry import METRICS
from flowshot.report.results import read_results
from flowshot.scoring.config import ReportConfig
from flowshot.training.config import BudgetConfig

AWKWARD = 'a_b & 50% #1 {x} ~^\\$ <é> "|" `*[z] Zażółć gęślą jaźń 🎵'
COMPILE = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, from texlive")


def tables(folder: Path, seeds: tuple[int, ...], language: str) -> list[Table]:
    """Every table that a report can have, of arms with awkward names and an external system."""
    plan = PlanConfig("tiny", ("drums",), ("no_nf", AWKWARD), ("own", "nf"), seeds, BudgetConfig(250, 32))
    write_scores_of(folder, plan, external="a_gan")
    found = plan_tables(read_results(plan, folder), plan, "drums", ReportConfig(language=language), 0.95)
    assert [table.name for table in found] == list(TITLES)
    return found


def document(folder: Path, content: str, packages: str) -> subprocess.CompletedProcess[bytes]:
    text = "\n".join([r"\documentclass{article}", packages, r"\begin{document}", content, r"\end{document}"])
    (folder / "main.tex").write_text(text, encoding="utf-8")
    return subprocess.run([*COMPILE, "main.tex"], cwd=folder, capture_output=True, timeout=120)


def packages() -> list[str]:
    """Of LaTeX, the needed one alone, and with those that tables make use of, as far as they are installed."""
    found = [
        name
        for name in ("siunitx", "graphicx")
        if subprocess.run(["kpsewhich", f"{name}.sty"], capture_output=True).returncode == 0
    ]
    return [r"\usepackage{booktabs}", rf"\usepackage{{{','.join(['booktabs', *found])}}}"]


@needs_pdflatex
@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
@pytest.mark.parametrize("language", ["en", "pl"])
def test_every_table_compiles_as_it_is_whatever_the_names(
    tmp_path: Path, language: str, seeds: tuple[int, ...]
) -> None:
    inputs = []
    for table in tables(tmp_path / "scores", seeds, language):
        (tmp_path / f"{table.name}.tex").write_text(latex_table(table, "tiny"), encoding="utf-8")
        inputs.append(rf"\input{{{table.name}.tex}}\clearpage")
    for used in packages():
        done = document(tmp_path, "\n".join(inputs), used)
        assert done.returncode == 0, (used, done.stdout.decode(errors="replace")[-2000:])
        assert f"({len(inputs)} pages" in re.sub(r"\s+", " ", (tmp_path / "main.log").read_text(errors="replace"))


@needs_pdflatex
def test_every_character_that_is_kept_compiles(tmp_path: Path) -> None:
    kept = [chr(code) for code in range(32, ord(LAST_LATIN) + 1) if is_known(chr(code))] + [*CHARACTERS]
    text = "\n".join(f"{escape_latex(one)}{{}}" for one in kept)
    done = document(tmp_path, rf"\fontencoding{{T1}}\selectfont {text}", "")
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


@needs_pdflatex
def test_a_wide_table_is_scaled_to_the_text_where_graphicx_is_loaded(tmp_path: Path) -> None:
    wide = next(one for one in tables(tmp_path / "scores", (0,), "en") if one.name == "diversity")
    for used, overfull in (("booktabs", True), ("booktabs,graphicx", False)):
        done = document(tmp_path, latex_table(wide, "tiny"), rf"\usepackage{{{used}}}")
        assert done.returncode == 0
        assert (b"Overfull" in done.stdout) is overfull


def test_labels_of_two_plans_differ_and_hold_no_spaces(tmp_path: Path) -> None:
    table = replace(tables(tmp_path, (0,), "en")[0], dataset="a b_c")
    assert r"\label{tab:one-a-b_c-quality}" in latex_table(table, "one")
    assert r"\label{tab:two-a-b_c-quality}" in latex_table(table, "two")


def test_a_polish_table_is_polish_with_decimal_commas_by_siunitx_and_without(tmp_path: Path) -> None:
    english, polish = ({t.name: t for t in tables(tmp_path / name, (0,), name)} for name in ("en", "pl"))
    text = latex_table(polish["quality"], "tiny")
    assert "Jakość wygenerowanych klipów, zbiór danych drums" in text
    assert "output-decimal-marker={,}" in text and r"\mathcode`\.=315" in text
    assert "output-decimal-marker" not in latex_table(english["quality"], "tiny")
    assert re.findall(r"\\num\{[^}]*\}", text) == re.findall(
        r"\\num\{[^}]*\}", latex_table(english["quality"], "tiny")
    ), "the numbers themselves are the same"


def test_every_title_of_a_metric_has_a_polish_one() -> None:
    from flowshot.report.polish import POLISH

    assert {one.title for one in METRICS.values()} <= set(POLISH)
    assert Words("pl").name("no such metric") == "no such metric"


@given(st.text())
def test_escaped_latex_holds_no_bare_special_character(text: str) -> None:
    escaped = escape_latex(text)
    assert all(one <= LAST_LATIN and one.isprintable() for one in escaped)
    without = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|char34)\{\}", "", escaped
    )
    without = re.sub(r"\\[{}&%$#_]|\$\\(pm|times|dagger|infty)\$|\$\^3\$", "", without)
    without = without.replace("~", "") if "\u00a0" in text else without
    assert not set(without) & set('\\{}&%$#_~^<>|"')
