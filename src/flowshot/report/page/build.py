"""Write the page of a plan: `index.html`, with its sounds and pictures inside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowshot.report.layout import Table
from flowshot.report.page.answer import answer, main_distances
from flowshot.report.page.facts import dataset_card, measurements, plan_facts, reproductions
from flowshot.report.page.findings import findings
from flowshot.report.page.sounds import data_uri, dataset_sounds
from flowshot.report.project import Project
from flowshot.report.render import inline, template
from flowshot.report.results import Report


def write_page(
    folder: Path,
    project: Project,
    report: Report,
    tables: Mapping[str, Sequence[tuple[str, Table]]],
    pictures: Mapping[str, Mapping[str, str]],
    revision: str,
) -> None:
    """Write `index.html` into `folder`, which holds the tables and figures already.

    `tables` of each dataset stand with their titles in the order of the page, `pictures` are the stems of its figures
    with what they show. Datasets that are not the plan's are those of external systems alone, and have tables only.
    Where models or clips are missing in the project, the page says so.
    """
    plan = report.plan
    datasets = []
    for dataset, titled in tables.items():
        view: dict[str, Any] = {
            "name": dataset,
            "tables": [(title, table, quote(f"{dataset}/table-{table.name}.tex")) for title, table in titled],
            "pictures": {
                shows: data_uri("image/png", (folder / dataset / f"{stem}.png").read_bytes())
                for stem, shows in pictures.get(dataset, {}).items()
            },
        }
        distances = main_distances(report, dataset) if dataset in plan.datasets else None
        if distances:
            view["answer"] = answer(distances)
            view["heard"] = dataset_sounds(project, report, dataset, view["answer"].best)
            view["findings"], view["undecided"] = findings(report, dataset)
        datasets.append(view)
    context: dict[str, Any] = {
        "plan": plan,
        "facts": plan_facts(report, revision),
        "cards": [card for dataset in plan.datasets if (card := dataset_card(project, dataset))],
        "measurements": measurements(project, plan),
        "datasets": datasets,
        "reproductions": reproductions(project, plan),
        "revision": revision,
    }
    for part, name in (("style", "style.css"), ("script", "script.js")):
        context[part], context[f"{part}_hash"] = inline(name)
    (folder / "index.html").write_text(template("page.html", report.words).render(context), encoding="utf-8")
