"""The report of small made-up scores: what is bold, what is apart, what is refused."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from score_files import write_tables

from defaults import COMMITTED, default
from flowshot.core.errors import FlowshotError
from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.build import build_report
from flowshot.report.config import ReportConfig
from flowshot.report.layout import Column, decimals
from flowshot.report.markup import escape_markdown
from flowshot.report.project import Project
from flowshot.report.registry import Metric
from flowshot.report.results import COLUMNS, planned_arms, read_report

REPOSITORY = Path(__file__).resolve().parents[2]
Row = tuple[str, str, float, float | None, float | None, int]


def make_plan(**changes: object) -> PlanConfig:
    axes = {"datasets": ("drums",), "autoencoders": ("plain", "flow"), "generators": (), "priors": ("own", "nf")}
    return PlanConfig(
        **{"name": "tiny", **axes, "seeds": (0,), "budget": BudgetConfig(250, 32), "clips": None, **changes}
    )


def arm_scores(fad: float, kid: float = 0.02, nats: float = 100.0) -> list[Row]:
    return [
        ("fad", "yamnet", fad, fad - 1, fad + 1, 120),
        ("kid", "logmel", kid, None, None, 120),
        ("prior_nats", "none", nats, None, None, 110),
    ]


def model_scores(mrstft: float) -> list[Row]:
    return [
        ("fad", "yamnet", 1.5, 1.0, 2.0, 120),
        ("clips_per_second", "none", 9999.0, None, None, 120),
        ("mrstft", "none", mrstft, mrstft - 0.1, mrstft + 0.1, 120),
        ("active_units", "none", 63.0, None, None, 120),
        ("parameters", "none", 4213456.0, None, None, 1),
    ]


def write(folder: Path, arm: tuple[str, str, str, int], rows: list[Row]) -> Path:
    dataset, autoencoder, prior, seed = arm
    path = folder / dataset / autoencoder / prior / f"{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = ("metric", "embedding", "value", "ci_low", "ci_high", "n")
    path.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    return path


def write_all(folder: Path, plan: PlanConfig) -> None:
    """Scores of every arm; the FAD rises by 2 from arm to arm, beginning at 10."""
    fad = 10.0
    for arm in planned_arms(plan):
        if arm[1] == "real":
            write(folder, arm, [("fad", "yamnet", 3.9, 3.5, 4.3, 120)])
        elif arm[2] == "reconstruction":
            write(folder, arm, model_scores(1.25))
        else:
            write(folder, arm, arm_scores(fad))
            fad += 2


def build(tmp_path: Path, plan: PlanConfig, name: str = "out") -> Path:
    out = tmp_path / name
    out.mkdir()
    report = read_report(plan, Project(tmp_path), default(ReportConfig, "report"), 0.95)
    build_report(report, Project(tmp_path), out, {}, "abc123")
    return out


def lines_with(text: str, *parts: str) -> list[str]:
    return [line for line in text.splitlines() if all(part in line for part in parts)]


def test_results_hold_every_planned_number_at_full_precision_and_sorted(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    write(tmp_path / "scores", ("drums", "flow", "own", 0), arm_scores(1 / 3))
    write(tmp_path / "scores", ("drums", "removed", "own", 0), arm_scores(0.5))  # no arm of the plan any more
    with (build(tmp_path, plan) / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    keys = [tuple(row[name] for name in COLUMNS[:6]) for row in rows]
    assert keys == sorted(keys)
    assert len(rows) == 4 * 3 + 2 * 5 + 1
    assert "removed" not in {row["autoencoder"] for row in rows}
    found = {(row["autoencoder"], row["prior"], row["metric"]): row for row in rows}
    assert float(found["flow", "own", "fad"]["value"]) == 1 / 3
    assert found["flow", "own", "kid"]["ci_low"] == ""
    assert found["real", "real", "fad"]["n"] == "120"


def test_the_best_arm_is_bold_and_neither_floor_nor_reconstruction(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    out = write_tables(tmp_path, plan, tmp_path / "out")
    markdown = (out / "drums" / "table-quality.md").read_text()
    fad = [line.split("|")[4].strip() for line in markdown.splitlines() if line.startswith("| ")]
    assert fad[0] == "FAD YAMNet ↓"
    assert fad[2:] == [
        r"3.9 \[3.5, 4.3\]",
        r"**10.0** \[9.0, 11.0\]",
        r"12.0 \[11.0, 13.0\]",
        r"14.0 \[13.0, 15.0\]",
        r"16.0 \[15.0, 17.0\]",
        r"1.5 \[1.0, 2.0\]",
        r"1.5 \[1.0, 2.0\]",
    ]
    assert lines_with(markdown, "*real (floor)*")
    assert len(lines_with(markdown, "*reconstruction*")) == 2
    latex = (out / "drums" / "table-quality.tex").read_text()
    assert latex.count(r"{\bfseries\boldmath\num{10.0}}$\,_{\num{9.0}}^{\num{11.0}}$") == 1
    assert latex.count(r"\midrule") == 3


def test_arms_that_read_the_same_are_all_bold(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("plain",))
    write_all(tmp_path / "scores", plan)
    write(tmp_path / "scores", ("drums", "plain", "own", 0), arm_scores(10.01))
    write(tmp_path / "scores", ("drums", "plain", "nf", 0), arm_scores(10.02))
    assert (write_tables(tmp_path, plan, tmp_path / "out") / "drums" / "table-quality.md").read_text().count(
        "**10.0**"
    ) == 2


def test_nats_of_a_prior_compete_within_their_autoencoder(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    known = {("plain", "own"): 50, ("plain", "nf"): 40, ("flow", "own"): 90, ("flow", "nf"): 99}
    for arm, nats in known.items():
        write(tmp_path / "scores", ("drums", *arm, 0), arm_scores(10.0, nats=nats))
    markdown = (write_tables(tmp_path, plan, tmp_path / "out") / "drums" / "table-quality.md").read_text()
    assert lines_with(markdown, "| plain | nf |", "**40.0**")
    assert lines_with(markdown, "| flow | own |", "**90.0**")
    assert "**50.0**" not in markdown
    assert "**99.0**" not in markdown


def test_several_seeds_show_mean_and_standard_deviation(tmp_path: Path) -> None:
    plan = make_plan(seeds=(0, 1, 2))
    write_all(tmp_path / "scores", plan)
    for seed, fad in enumerate((10.0, 11.0, 12.0)):
        write(tmp_path / "scores", ("drums", "flow", "own", seed), arm_scores(fad))
    out = write_tables(tmp_path, plan, tmp_path / "out")
    markdown = (out / "drums" / "table-quality.md").read_text()
    assert lines_with(markdown, "| flow | own |", "| **11.0** ± 1.0 |")
    assert lines_with(markdown, "*real (floor)*", r"3.9 \[3.5, 4.3\]")
    assert "Mean ± standard deviation over 3 seeds." in markdown
    assert r"{\scriptsize$\pm$\num{1.0}}" in (out / "drums" / "table-quality.tex").read_text()


def test_the_caption_says_size_budget_and_what_the_interval_is(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    markdown = (write_tables(tmp_path, plan, tmp_path / "out") / "drums" / "table-quality.md").read_text()
    caption = markdown.splitlines()[0]
    assert "n = 110 to 120" in caption
    assert "250 steps of 32 clips" in caption
    assert "One seed. With the 95% confidence interval over clips" in caption


def test_the_caption_says_why_a_distance_has_no_interval(tmp_path: Path) -> None:
    plan, said = make_plan(), "FAD and KID have no interval where sources are too few or the tails"
    write_all(tmp_path / "scores", plan)  # of which no KID has one
    markdown = (write_tables(tmp_path, plan, tmp_path / "some") / "drums" / "table-quality.md").read_text()
    assert said in markdown.splitlines()[0]
    for arm in planned_arms(plan):
        write(tmp_path / "scores", arm, [("kid", "logmel", 0.02, 0.01, 0.03, 120)])
    markdown = (write_tables(tmp_path, plan, tmp_path / "all") / "drums" / "table-quality.md").read_text()
    assert said not in markdown


def test_reconstruction_and_cost_are_a_table_of_autoencoders(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    write(tmp_path / "scores", ("drums", "flow", "reconstruction", 0), model_scores(1.125))
    out = write_tables(tmp_path, plan, tmp_path / "out")
    markdown = (out / "drums" / "table-autoencoder.md").read_text()
    assert "| autoencoder | active units | parameters |" in markdown
    assert lines_with(markdown, r"| flow | 63.0 | 4,213,456 |")
    markdown = (out / "drums" / "table-reconstruction.md").read_text()
    assert "| autoencoder | MR-STFT ↓ |" in markdown
    assert lines_with(markdown, r"| flow | **1.12** \[1.02, 1.23\] |")
    assert "9999" not in (out / "drums" / "table-quality.md").read_text()  # not a speed of sampling


def test_how_far_training_clips_are_ahead_is_a_column_of_the_autoencoders(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    for autoencoder, gap in (("plain", 3.25), ("flow", -0.5)):
        rows: list[Row] = [*model_scores(1.25), ("reconstruction_gap", "none", gap, None, None, 1)]
        write(tmp_path / "scores", ("drums", autoencoder, "reconstruction", 0), rows)
    markdown = (write_tables(tmp_path, plan, tmp_path / "out") / "drums" / "table-autoencoder.md").read_text()
    header, flow = (lines_with(markdown, start)[0].split("|") for start in ("| autoencoder |", "| flow |"))
    assert flow[header.index(" generalisation gap (loss) ")].strip() == "-0.50"
    assert "**3.25**" not in markdown and "**-0.50**" not in markdown, "neither a large nor a small one is better"
    assert "n = 120." in markdown.splitlines()[0], "the one training is no number of clips"


def test_equal_scores_give_equal_bytes(tmp_path: Path) -> None:
    plan = make_plan(seeds=(0, 1))
    write_all(tmp_path / "scores", plan)
    first, second = build(tmp_path, plan, "first"), build(tmp_path, plan, "second")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert {Path("drums/fad.png"), Path("drums/fad.pdf")} <= set(files)
    assert Path("README.md") in files
    assert all((first / file).read_bytes() == (second / file).read_bytes() for file in files)


def test_the_page_shows_tables_figure_and_origin(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    for folder, said in (("runs/train", {"machine": "64 cores, torch 9.9"}), ("models", {"parameters": 9})):
        path = tmp_path / folder / "drums" / "flow" / "0" / ("run.json" if "runs" in folder else "diagnostics.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(said))
    out = build(tmp_path, plan)
    page = (out / "README.md").read_text()
    assert "| plain | own |" in page and page.count(r"**10.0** \[9.0, 11.0\]") == 1
    assert "64 cores, torch 9.9" in page
    assert "abc123" in page
    links = re.findall(r"\]\(<?([^)>]+)>?\)", page)
    assert len(links) >= 6
    assert all((out / link).is_file() for link in links)


def test_a_missing_arm_names_the_stage_to_run(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    (tmp_path / "scores" / "drums" / "flow" / "nf" / "0.json").unlink()
    with pytest.raises(FlowshotError, match=r"not found; run `dvc repro score@drums-flow-nf-0`$"):
        write_tables(tmp_path, plan, tmp_path / "out")


def test_missing_floor_and_more_are_counted(tmp_path: Path) -> None:
    plan = make_plan()
    with pytest.raises(FlowshotError, match=r"not found \(and 6 more\); run `dvc repro floor@drums`$"):
        write_tables(tmp_path, plan, tmp_path / "out")


DAMAGED = '[{"metric": "fad", "embedding": "x", "ci_low": null, "ci_high": null, "value": %s}]'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DAMAGED % 'NaN, "n": 9', "not finite"),
        (DAMAGED % "1.0", "entry.0.n: is missing"),
        (DAMAGED % '"?", "n": 9', "entry.0.value: "),
        ("[]", "holds no scores"),
        ('{"fad": 1}', "entry: "),
        ("[{", "Expecting"),
    ],
)
def test_damaged_scores_are_refused_with_their_stage(tmp_path: Path, content: str, message: str) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    (tmp_path / "scores" / "drums" / "plain" / "own" / "0.json").write_text(content)
    with pytest.raises(FlowshotError) as caught:
        write_tables(tmp_path, plan, tmp_path / "out")
    assert message in str(caught.value)
    assert str(caught.value).endswith("run `dvc repro --force --single-item score@drums-plain-own-0`")


def test_a_metric_twice_is_refused(tmp_path: Path) -> None:
    plan = make_plan()
    write_all(tmp_path / "scores", plan)
    write(tmp_path / "scores", ("drums", "plain", "own", 0), arm_scores(1.0) + arm_scores(2.0))
    with pytest.raises(FlowshotError, match="holds a metric twice"):
        write_tables(tmp_path, plan, tmp_path / "out")


def test_a_metric_nobody_registered_is_shown_by_its_name(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("plain",), priors=("own",))
    write_all(tmp_path / "scores", plan)
    write(
        tmp_path / "scores", ("drums", "plain", "own", 0), [*arm_scores(1.0), ("brand_new", "none", 0.5, None, None, 9)]
    )
    markdown = (write_tables(tmp_path, plan, tmp_path / "out") / "drums" / "table-quality.md").read_text()
    assert r"| brand\_new |" in markdown
    assert "0.500" in markdown
    assert "**" not in markdown  # one arm competes with nobody


def run_stage(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    command = [sys.executable, str(REPOSITORY / "stages" / "report.py")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_stage_replaces_its_plan_and_leaves_the_others_alone(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("plain",), priors=("own",))
    write_all(tmp_path / "scores", plan)
    budget = {"steps": 250, "batch_size": 32}
    axes = {"datasets": ["drums"], "autoencoders": ["plain"], "generators": [], "priors": ["own"], "seeds": [0]}
    params = {
        "plan": {"name": "tiny", **axes, "budget": budget, "clips": None},
        "autoencoders": {"plain": {}, "other": {}},
    }
    params |= {key: COMMITTED.values[key] for key in ("score", "report", "fit_prior")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for name in ("tiny/old.md", "thesis/results.csv", "notes.txt"):
        (tmp_path / "reports" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "reports" / name).write_text("mine")
    done = run_stage(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "reports" / "tiny" / "results.csv").is_file()
    said = json.loads((tmp_path / "reports" / "tiny" / "params.json").read_text())
    assert said["autoencoders"] == {"plain": {}} and set(said["fit_prior"]) == {"own"}
    assert said["score"]["confidence"] == 0.95
    assert not (tmp_path / "reports" / "tiny" / "old.md").exists()
    assert (tmp_path / "reports" / "thesis" / "results.csv").read_text() == "mine"
    assert (tmp_path / "reports" / "notes.txt").read_text() == "mine"

    before = (tmp_path / "reports" / "tiny" / "results.csv").read_bytes()
    (tmp_path / "scores" / "drums" / "plain" / "own" / "0.json").unlink()
    done = run_stage(tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: scores/drums/plain/own/0.json: not found; run `dvc repro score@drums-plain-own-0`\n"
    assert (tmp_path / "reports" / "tiny" / "results.csv").read_bytes() == before


def test_names_stay_text_in_markdown() -> None:
    assert escape_markdown("a_b|<script>\n*x*") == r"a\_b\|\<script\> \*x\*"


@given(value=st.floats(-1e7, 1e7), largest=st.floats(1e-4, 1e7))
def test_a_number_is_shown_to_half_of_its_last_decimal(value: float, largest: float) -> None:
    places = decimals([largest], 3)
    text = Column(Metric("m", "M"), "none", places).text(value)
    assert abs(float(text) - value) <= 0.5 * 10**-places * (1 + 1e-6) + abs(value) * 1e-12
    assert text != "-" + text.lstrip("-") or float(text) != 0
