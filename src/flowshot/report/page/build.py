"""Write the page of a plan: `index.html`, and its sounds and pictures beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowshot.report.layout import Table
from flowshot.report.page.charts import VIEW
from flowshot.report.page.facts import dataset_card, measurements, reproductions
from flowshot.report.page.figures import divergence_bars, rate_distortion_figure, training_figure
from flowshot.report.page.findings import findings
from flowshot.report.page.listening import dataset_sounds
from flowshot.report.page.sounds import Shelf
from flowshot.report.project import Project, Training
from flowshot.report.render import inline, template
from flowshot.report.results import Report


def write_page(
    folder: Path,
    project: Project,
    report: Report,
    tables: Mapping[str, Sequence[tuple[str, Table]]],
    trainings: Mapping[str, Sequence[Training]],
    facts: Sequence[tuple[str, str]],
    revision: str,
) -> None:
    """Write `index.html` and `DATASET/sounds/` into `folder`, which holds the tables already.

    `tables` of each dataset stand with their titles in the order of the page. Datasets without `trainings` are those of
    external systems alone, and have tables only. Where models or clips are missing in the project, the page says so.
    """
    plan, words = report.plan, report.words
    shelf = Shelf(folder)
    datasets = []
    for dataset, titled in tables.items():
        view: dict[str, Any] = {
            "name": dataset,
            "tables": [(title, table, quote(f"{dataset}/table-{table.name}.md")) for title, table in titled],
            "sounds": [],
            "findings": [],
        }
        if dataset in plan.datasets:
            known = trainings[dataset]
            view["findings"] = findings(report, dataset, [table for _, table in titled], known)
            view["sounds"] = dataset_sounds(shelf, project, plan, dataset)
            rates = [rate for path, (_, rate) in shelf.clips.items() if path.startswith(f"{dataset}/")]
            view["kilohertz"] = rates[0] / 2000 if rates else None
            view["curves"] = training_figure(report, known)
            view["divergence"] = divergence_bars(report, dataset)
            view["rate_distortion"] = rate_distortion_figure(report, dataset)
        datasets.append(view)
    context: dict[str, Any] = {
        "plan": plan,
        "facts": facts,
        "cards": [card for dataset in plan.datasets if (card := dataset_card(project, dataset))],
        "measurements": measurements(project, plan),
        "datasets": datasets,
        "sounds": shelf.write(),
        "sound_format": shelf.format,
        "reproductions": reproductions(project, plan),
        "revision": revision,
        "axes": VIEW,
    }
    for part, name in (("style", "style.css"), ("script", "script.js")):
        context[part], context[f"{part}_hash"] = inline(name)
    (folder / "index.html").write_text(template("page.html", words).render(context), encoding="utf-8")
