"""Write the comparison tables of the plan: `python stages/report.py`.

Writes `reports/PLAN/`, from the scores of every arm of the plan; the reports of other plans stay as they are.
"""

from flowshot.core.params import read_params
from flowshot.core.process import stage
from flowshot.core.tracked import flush
from flowshot.report.build import write_plan_report
from flowshot.report.config import ReportConfig

MLFLOW_SECONDS = 30.0


def main() -> None:
    """Write the report of the plan that `params.yaml` chooses."""
    params = read_params()
    flush(MLFLOW_SECONDS)  # so that the report names the runs
    config, confidence = params.section("report", ReportConfig), params.section("score.confidence", float)
    write_plan_report(params.plan, config, confidence, params.values)


if __name__ == "__main__":
    stage(main, __doc__)
