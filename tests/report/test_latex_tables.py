"""Tables in LaTeX: they compile as they are, whatever the names, in both languages."""

import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_files import write_scores_of

from defaults import default
from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.build import report_tables
from flowshot.report.config import ReportConfig
from flowshot.report.language import POLISH
from flowshot.report.latex import CHARACTERS, LAST_LATIN, escape_latex, latex_table
from flowshot.report.layout import Table
from flowshot.report.project import Project
from flowshot.report.registry import METRICS, TABLES
from flowshot.report.results import read_report

AWKWARD = 'a_b & 50% #1 {x} ~^\\$ <é> "|" `*[z] Zażółć gęślą jaźń 🎵'
COMPILE = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, from texlive")


def tables(folder: Path, seeds: tuple[int, ...], language: str) -> list[Table]:
    """Every table that a report can have, of arms with awkward names and an external system."""
    models = ("no_nf", AWKWARD, "wide", "both")
    plan = PlanConfig("tiny", ("drums",), models, ("copies",), ("own", "nf"), seeds, BudgetConfig(250, 32), None)
    write_scores_of(folder / "scores", plan, external="a_gan", heavy_tails=True)
    for model, (kind, width) in zip(models, itertools.product(("plain", AWKWARD), (1, 2)), strict=True):
        trained = Path("drums", model, str(seeds[0]))
        for place, name, said in (
            ("models", "diagnostics.json", {}),
            ("runs/train", "run.json", {"parameters": {"kind": kind, "width": width}}),
        ):
            file = folder / place / trained / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(said or {"steps": 1}))
    report = read_report(plan, Project(folder), default(ReportConfig, "report", language=language), 0.95)
    found = report_tables(report, "drums")
    assert [table.name for table in found] == list(TABLES)
    return found


def document(folder: Path, content: str, packages: str) -> subprocess.CompletedProcess[bytes]:
    text = "\n".join([r"\documentclass{article}", packages, r"\begin{document}", content, r"\end{document}"])
    (folder / "main.tex").write_text(text, encoding="utf-8")
    return subprocess.run([*COMPILE, "main.tex"], cwd=folder, capture_output=True, timeout=120)


@needs_pdflatex
@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
@pytest.mark.parametrize("language", ["en", "pl"])
def test_every_table_compiles_as_it_is_whatever_the_names(
    tmp_path: Path, language: str, seeds: tuple[int, ...]
) -> None:
    inputs = []
    for table in tables(tmp_path, seeds, language):
        (tmp_path / f"{table.name}.tex").write_text(latex_table(table, "tiny"), encoding="utf-8")
        inputs.append(rf"\input{{{table.name}.tex}}\clearpage")
    done = document(tmp_path, "\n".join(inputs), r"\usepackage{booktabs,graphicx,siunitx}\usepackage[T1]{fontenc}")
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    log = (tmp_path / "main.log").read_text(errors="replace")
    assert f"({len(inputs)} pages" in re.sub(r"\s+", " ", log) and "Overfull" not in log


@needs_pdflatex
def test_every_character_that_is_kept_compiles(tmp_path: Path) -> None:
    kept = [chr(code) for code in range(32, ord(LAST_LATIN) + 1) if escape_latex(chr(code)) != "?"] + [*CHARACTERS]
    text = "\n".join(f"{escape_latex(one)}{{}}" for one in kept)
    done = document(tmp_path, text, r"\usepackage[T1]{fontenc}")
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_labels_of_two_plans_differ_and_hold_no_spaces(tmp_path: Path) -> None:
    table = replace(tables(tmp_path, (0,), "en")[0], dataset="a b_c")
    assert r"\label{tab:one-a-b_c-quality}" in latex_table(table, "one")
    assert r"\label{tab:two-a-b_c-quality}" in latex_table(table, "two")


def test_a_polish_table_is_polish_with_decimal_commas(tmp_path: Path) -> None:
    english, polish = ({t.name: t for t in tables(tmp_path / name, (0,), name)} for name in ("en", "pl"))
    texts = [latex_table(one["quality"], "tiny") for one in (english, polish)]
    assert "Jakość wygenerowanych klipów, zbiór danych drums" in texts[1]
    assert ["output-decimal-marker={,}" in text for text in texts] == [False, True]
    english_numbers, polish_numbers = (re.findall(r"\\num\{[^}]*\}", text) for text in texts)
    assert english_numbers == polish_numbers != [], "the numbers themselves are the same"


def test_rows_are_grouped_by_rules_and_aligned(tmp_path: Path) -> None:
    (quality, *_) = tables(tmp_path, (0,), "en")
    body = latex_table(quality, "tiny").split(r"\midrule")
    assert len(body) == 2 + 4, "the floor, the arms, the baseline, the external system, the reconstructions"
    assert r"\textit{copies} & \textit{direct}" in body[3]
    cells = {line.count(" & ") for line in latex_table(quality, "tiny").splitlines() if line.endswith(r"\\")}
    assert cells == {1 + len(quality.columns)}


def test_every_title_of_a_metric_has_a_polish_one() -> None:
    assert {one.title for one in METRICS.values()} <= set(POLISH)


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
