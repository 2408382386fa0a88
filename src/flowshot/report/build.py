"""Write `reports/<plan>/`: results, tables and figures of each dataset, and pages that show them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowshot.core.files import whole_folder, write_json
from flowshot.core.plan import PlanConfig
from flowshot.core.provenance import git_revision
from flowshot.report.config import ReportConfig
from flowshot.report.designs import factorial_table, sweep_table
from flowshot.report.dvc_files import write_curves, write_metrics
from flowshot.report.effects import effects_table
from flowshot.report.latex import latex_table
from flowshot.report.layout import Table
from flowshot.report.markup import markdown_table
from flowshot.report.page.answer import answer, main_distances
from flowshot.report.page.build import plan_facts, write_page
from flowshot.report.paired import paired_tables
from flowshot.report.plots import draw_distances, draw_rate_distortion, draw_training
from flowshot.report.project import Project
from flowshot.report.registry import TABLES
from flowshot.report.render import template
from flowshot.report.results import Report, external_arms, read_report
from flowshot.report.tables import dataset_tables

# Behind which table a figure stands, its file without an ending, what draws it and what it shows.
FIGURES = {
    "quality": ("fad", draw_distances, "Fréchet audio distance of every arm of {dataset}"),
    "autoencoder": ("training", draw_training, "Curves of every training of {dataset}"),
    "sweep": (
        "rate-distortion",
        draw_rate_distortion,
        "Reconstruction and FAD against KL of every training of {dataset}",
    ),
}
# Sections of `params.yaml` of which a plan uses the entries that it names, and sections that only abbreviate.
NAMED = {"datasets": "datasets", "autoencoders": "autoencoders", "generators": "generators", "fit_prior": "priors"}
ABBREVIATIONS = ("budgets", "plans", "clips")


def write_plan_report(plan: PlanConfig, config: ReportConfig, confidence: float, parameters: Mapping[str, Any]) -> Path:
    """Write `reports/PLAN/` whole, from what the stages left in the working folder; returns the folder.

    `confidence` is the level of the intervals in the scores, as in `score.confidence`; `parameters` are the sections of
    `params.yaml`, of which those of the plan are written beside its numbers.

    Raises:
        FlowshotError: the scores of an arm are missing or incomplete; the earlier report then stays as it was.
    """
    project, out = Project(Path()), Path("reports", plan.name)
    with whole_folder(out) as folder:
        report = read_report(plan, project, config, confidence)
        build_report(report, project, folder, plan_parameters(plan, parameters), git_revision(project.root))
    return out


def plan_parameters(plan: PlanConfig, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the plan's numbers: the sections that stages read, with the entries that the plan names alone."""
    return {
        section: {name: value[name] for name in getattr(plan, NAMED[section]) if name in (value or {})}
        if section in NAMED
        else value
        for section, value in parameters.items()
        if section not in ABBREVIATIONS
    }


def build_report(report: Report, project: Project, folder: Path, parameters: Mapping[str, Any], revision: str) -> None:
    """Write the report of a plan into an empty folder; equal inputs give equal bytes."""
    write_json(folder / "params.json", parameters)
    report.frame.to_csv(folder / "results.csv", index=False, lineterminator="\n")
    write_metrics(report.frame, folder / "metrics")
    write_curves(report.trainings, folder / "curves.csv")
    # Other datasets than the plan's are those of external systems, `flowshot score --as`.
    datasets = dict.fromkeys((*report.plan.datasets, *(arm[0] for arm in external_arms(project.root))))
    tables = {dataset: report_tables(report, dataset) for dataset in datasets}
    pictures = {dataset: _write_dataset(folder / dataset, report, dataset, found) for dataset, found in tables.items()}
    shown = {"report": report, "facts": plan_facts(report, revision), "datasets": tables, "pictures": pictures}
    distances = {dataset: main_distances(report, dataset) for dataset in report.plan.datasets}
    answers = {dataset: answer(found) for dataset, found in distances.items() if found}
    shown |= {"answers": answers, "figures": FIGURES, "markdown_table": markdown_table}
    (folder / "README.md").write_text(template("readme.md.jinja", report.words).render(shown), encoding="utf-8")
    write_page(folder, project, report, tables, pictures, revision)


def report_tables(report: Report, dataset: str) -> list[Table]:
    """All tables of one dataset that have anything to show, in the order of `TABLES`."""
    tables = dataset_tables(report, dataset)
    if dataset in report.plan.datasets:
        tables += paired_tables(report, dataset)
        of_design = (effects_table(report, dataset), factorial_table(report, dataset), sweep_table(report, dataset))
        tables += [table for table in of_design if table]
    return sorted(tables, key=lambda table: list(TABLES).index(table.name))


def _write_dataset(folder: Path, report: Report, dataset: str, tables: Sequence[Table]) -> dict[str, str]:
    """Write the tables and figures of a dataset; returns the stems of the figures, and what they show."""
    folder.mkdir()
    pictures = {}
    for table in tables:
        (folder / f"table-{table.name}.tex").write_text(latex_table(table, report.plan.name), encoding="utf-8")
        if table.name in FIGURES and dataset in report.plan.datasets:
            stem, draw, shows = FIGURES[table.name]
            if draw(folder / stem, report, dataset):
                pictures[stem] = report.words(shows, dataset=dataset)
    return pictures
