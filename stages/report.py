"""Write the comparison tables of the plan: `python stages/report.py`.

Writes `reports/PLAN/`, from the scores of every arm of the plan; the reports of other plans stay as they are.
"""

import argparse
from pathlib import Path

from flowshot.files import whole_folder
from flowshot.params import read_params
from flowshot.provenance import git_revision
from flowshot.report.build import build_report
from flowshot.stage import stage


def main() -> None:
    """Build the report of the plan that `params.yaml` chooses."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    params = read_params()
    with whole_folder(Path("reports") / params.plan.name) as folder:
        build_report(
            params.plan,
            params.report,
            Path("scores"),
            Path("models"),
            folder,
            confidence=params.score.confidence,
            revision=git_revision(Path.cwd()),
        )


if __name__ == "__main__":
    stage(main)
