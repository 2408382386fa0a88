"""Numbers that are no scores: read from where the other stages wrote them, and missing where nothing is written."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from page_project import build, make_plan, write_json, write_project

from defaults import default
from flowshot.report.build import report_tables
from flowshot.report.config import ReportConfig
from flowshot.report.project import Project
from flowshot.report.results import read_report

PLAN = make_plan(generators=("copies", "gan"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    write_project(root, PLAN, seconds=0.05)
    return root


@pytest.fixture(scope="module")
def whole(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the project."""
    return build(project, PLAN, tmp_path_factory.mktemp("report") / "out")


def numbers(folder: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return {(row["autoencoder"], row["prior"], row["metric"]): row for row in csv.DictReader(file)}


def test_every_number_stands_with_the_arms_that_it_belongs_to(whole: Path) -> None:
    found = numbers(whole)
    for metric, value, n in (("kl", "30.0", "40"), ("parameters", "4213456.0", "1"), ("train_seconds", "61.5", "1")):
        arms = {arm[:2]: row for arm, row in found.items() if arm[0] == "no_nf" and arm[2] == metric}
        assert set(arms) == {("no_nf", "own"), ("no_nf", "reconstruction")}
        assert {(row["value"], row["n"]) for row in arms.values()} == {(value, n)}
    nats, bits = (found["flow", "nf", name] for name in ("prior_nats", "prior_bits"))
    assert [nats[key] for key in ("value", "ci_low", "ci_high", "n")] == ["8.0", "7.0", "9.0", "30"]
    assert float(bits["value"]) == pytest.approx(1 / 0.6931471805599453)
    assert found["flow", "nf", "clips_per_second"]["value"] == "40.0"
    assert found["gan", "direct", "parameters"]["value"] == "7.0"
    assert ("gan", "direct", "kl") not in found


def test_every_row_has_its_role(whole: Path) -> None:
    roles = {arm[:2]: row["role"] for arm, row in numbers(whole).items()}
    assert roles["real", "real"] == "floor"
    assert roles["flow", "own"] == roles["gan", "direct"] == "arm"
    assert roles["copies", "direct"] == "baseline" and roles["flow", "reconstruction"] == "reconstruction"


def test_the_kind_makes_a_baseline_and_the_name_only_where_no_kind_is_known(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    write_json(root / "models/drums/gan/0/config.json", {"kind": "copies"})
    shutil.rmtree(root / "models/drums/copies")
    frame = read_report(PLAN, Project(root), default(ReportConfig, "report"), 0.95).frame
    roles = dict(zip(frame["autoencoder"], frame["role"], strict=True))
    assert roles["gan"] == roles["copies"] == "baseline"


def test_a_prior_without_a_density_has_no_nats_and_the_table_says_why(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    nothing = {"prior_nats": None, "ci_low": None, "ci_high": None, "n": 30, "dimensions": 8}
    write_json(root / "priors/drums/flow/nf/0/nats.json", nothing)
    report = read_report(PLAN, Project(root), default(ReportConfig, "report"), 0.95)
    frame = report.frame[report.frame["metric"] == "prior_nats"]
    assert ("flow", "nf") not in set(zip(frame["autoencoder"], frame["prior"], strict=True)) and len(frame)
    said = "A prior without a value has no density, or was fitted elsewhere."
    whole = read_report(PLAN, Project(project), default(ReportConfig, "report"), 0.95)
    (quality, full) = (report_tables(one, "drums")[0] for one in (report, whole))
    assert said in quality.caption and said not in full.caption


def test_disentanglement_has_a_table_of_autoencoders(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    path = root / "models/drums/flow/0/diagnostics.json"
    write_json(path, {**json.loads(path.read_text()), "mig": 0.25, "completeness": 0.5})
    report = read_report(PLAN, Project(root), default(ReportConfig, "report"), 0.95)
    (table,) = (one for one in report_tables(report, "drums") if one.name == "disentanglement")
    (row,) = (row for rows in table.groups for row in rows)
    assert row.autoencoder == "flow" and [cell.value for cell in row.cells if cell] == [0.25, 0.5]


def test_what_was_not_kept_is_missing_and_no_error(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project / "scores", root / "scores")
    out = build(root, PLAN, tmp_path / "out")
    metrics = {metric for _, _, metric in numbers(out)}
    assert "fad" in metrics and not metrics & {"kl", "prior_nats", "train_seconds", "clips_per_second", "parameters"}
    assert not (out / "curves.csv").exists()
    assert "| trained on | not recorded |" in (out / "README.md").read_text()


def test_curves_have_the_seconds_of_the_training_that_kept_them(whole: Path) -> None:
    with (whole / "curves.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["training"] == "drums/flow/seed0"]
    assert [(row["step"], row["seconds"]) for row in rows][:2] == [("1", "0.25"), ("51", "12.75")]


def test_tables_set_the_baseline_apart_and_let_generators_compete(whole: Path) -> None:
    text = (whole / "README.md").read_text()
    quality, paired, models = (
        text.split(f"### {title}")[1] for title in ("Quality", "FAD, pairwise comparisons", "Models")
    )
    models = models.split("###")[0]
    assert r"| gan | direct | **9.0** \[" in quality and r"| *copies* | *direct* | 3.0 \[" in quality
    assert r"| gan | no\_nf / own | -5.00 \[" in paired and "compared with no\\_nf / own" in paired
    assert "| gan | \u2013 |" in models and models.count("4,213,456") == 2
