import json
from pathlib import Path

import pytest

from flowshot.core.params import read_params
from flowshot.report.results import planned_arms


@pytest.fixture
def scores(project):
    """Made-up scores of every arm of the plan."""
    for dataset, autoencoder, prior, seed in planned_arms(read_params().plan):
        path = Path("scores", dataset, autoencoder, prior, f"{seed}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        score = {"metric": "fad", "embedding": "logmel", "value": 5.0, "ci_low": 4.0, "ci_high": 6.0, "n": 20}
        path.write_text(json.dumps([score]))


def test_the_report_of_the_plan_is_written_and_its_files_are_named(scores, flowshot, found):
    report = found("report")
    assert (report["plan"], report["folder"]) == ("tiny", "reports/tiny")
    assert {"results.csv", "README.md", "index.html", "mine/table-quality.tex"} <= set(report["files"])
    assert all(Path("reports/tiny", file).is_file() for file in report["files"])
    assert "reports/tiny/results.csv" in flowshot("report")[1].splitlines()


def test_a_missing_score_leaves_the_earlier_report_as_it_was(scores, found, fails):
    found("report")
    before = Path("reports/tiny/results.csv").read_bytes()
    Path("scores/mine/no_nf/own/3.json").unlink()
    assert "scores/mine/no_nf/own/3.json: not found" in fails("report")
    assert Path("reports/tiny/results.csv").read_bytes() == before
