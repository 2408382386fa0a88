"""`flowshot report`: the comparison tables, again, from what is there."""

import argparse

from flowshot.cli.base import Outcome
from flowshot.cli.terminal import working
from flowshot.core.params import read_params
from flowshot.report.build import write_plan_report
from flowshot.report.config import ReportConfig


def run(arguments: argparse.Namespace) -> Outcome:
    """Write `reports/PLAN/`, as the `report` stage does."""
    params = read_params()
    plan, config = params.plan, params.section("report", ReportConfig)
    confidence = params.section("score.confidence", float)
    with working(f"writing the report of {plan.name}"):
        folder = write_plan_report(plan, config, confidence, params.values)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    report = {"plan": plan.name, "folder": str(folder), "files": files}
    return Outcome(report, "\n".join(str(folder / file) for file in files))
