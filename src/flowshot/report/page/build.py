"""Write the page of a plan: `index.html`, with its sounds and pictures inside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from flowshot.core.files import read_json
from flowshot.core.plan import REAL, PlanConfig
from flowshot.report.layout import Table
from flowshot.report.markup import csv_table
from flowshot.report.page.answer import answer, figure, main_distances
from flowshot.report.page.findings import findings
from flowshot.report.page.sounds import data_uri, dataset_sounds
from flowshot.report.project import Arm, Project, stage_of
from flowshot.report.render import inline, template
from flowshot.report.results import Report, arm_name, planned_arms


def write_page(
    folder: Path,
    project: Project,
    report: Report,
    tables: Mapping[str, Sequence[Table]],
    pictures: Mapping[str, Mapping[str, str]],
    revision: str,
) -> None:
    """Write `index.html` into `folder`, which holds the tables and figures already.

    `tables` of each dataset stand in the order of the page, `pictures` are the stems of its figures
    with what they show. Datasets that are not the plan's are those of external systems alone, and have tables only.
    Where models or clips are missing in the project, the page says so.
    """
    plan = report.plan
    context: dict[str, Any] = {
        "plan": plan,
        "facts": plan_facts(report, revision),
        "cards": [card for dataset in plan.datasets if (card := dataset_card(project, dataset))],
        "measurements": measurements(project, plan),
        "datasets": [
            {
                "name": dataset,
                "tables": [
                    (table, quote(f"{dataset}/table-{table.name}.tex"), data_uri("text/csv", csv_table(table).encode()))
                    for table in known
                ],
                "pictures": {
                    shows: data_uri("image/png", (folder / dataset / f"{stem}.png").read_bytes())
                    for stem, shows in pictures.get(dataset, {}).items()
                },
                **_results(project, report, dataset),
            }
            for dataset, known in tables.items()
        ],
        "reproductions": reproductions(project, plan),
        "revision": revision,
    }
    for part, name in (("style", "style.css"), ("script", "script.js")):
        context[part], context[f"{part}_hash"] = inline(name)
    (folder / "index.html").write_text(template("page.html", report.words).render(context), encoding="utf-8")


def _results(project: Project, report: Report, dataset: str) -> dict[str, Any]:
    """What the page says of a dataset above its tables, and the sounds below them."""
    distances = main_distances(report, dataset) if dataset in report.plan.datasets else None
    if distances is None:
        return {"answer": None, "heard": None, "findings": [], "undecided": ""}
    best = distances.arms[0]
    told, undecided = findings(report, dataset, distances)
    return {
        "answer": answer(distances),
        "figure": figure(distances),
        "title": distances.title,
        "best": arm_name(best),
        "heard": dataset_sounds(project, report, dataset, best),
        "findings": told,
        "undecided": undecided,
    }


def plan_facts(report: Report, revision: str) -> list[tuple[str, str]]:
    """Name and value of what describes the whole plan; an axis without values is left out."""
    plan, words = report.plan, report.words
    axes = ("datasets", "autoencoders", "generators", "priors", "seeds")
    steps, clips = plan.budget.steps, plan.budget.batch_size
    runs = [one.run for trainings in report.trainings.values() for one in trainings]
    machines = sorted({str(run["machine"]) for run in runs if run.get("machine")})
    precisions = sorted({str(run["precision"]) for run in runs if run.get("precision")})
    minutes = [run["seconds"] / 60 for run in runs if run.get("seconds")]
    facts = {
        "plan": plan.name,
        **{axis: ", ".join(map(str, getattr(plan, axis))) for axis in axes},
        "budget of each training": words("{steps} steps of {clips} clips", steps=steps, clips=clips),
        "trained on": ", ".join(machines) or words("not recorded"),
        "trained in": ", ".join(precisions),  # which depends on the machine where `train.precision` is `auto`
        "training took": "",
        "numbers in results.csv": str(len(report.frame)),
        "revision of the code": revision,
    }
    if minutes:
        low, high = (words.number(f"{limit:.1f}") for limit in (min(minutes), max(minutes)))
        said = "{low} to {high} minutes for each of {count} trainings" if len(minutes) > 1 else "{low} minutes"
        facts["training took"] = words(said, low=low, high=high, count=len(minutes))
    return [(words(name), value) for name, value in facts.items() if value]


def dataset_card(project: Project, name: str) -> dict[str, Any] | None:
    """A prepared dataset with what its card and its audit say of it; None where it was not prepared here."""
    prepared = project.prepared(name)
    if prepared is None:
        return None
    audit = pd.read_csv(prepared.folder / "audit.csv")
    reasons = audit.loc[audit["status"] == "dropped", "reason"].value_counts().to_dict()
    return {"set": prepared, "kept": int((audit["status"] == "kept").sum()), "reasons": reasons, **prepared.card}


def measurements(project: Project, plan: PlanConfig) -> list[dict[str, Any]]:
    """Every embedding of the plan's scores, as the floor of its first dataset was measured."""
    scores = read_json(project.scores((plan.datasets[0], REAL, REAL, 0)))
    return list({score["embedding"]: score for score in scores if "embedder" in score}.values())


def reproductions(project: Project, plan: PlanConfig) -> list[tuple[Arm, str | None, str]]:
    """Every arm of the plan with each seed: its run in MLflow, and the stage that scores it."""
    arms = [arm for arm in planned_arms(plan) if arm[1:3] in plan.arms]
    return [(arm, project.run_id(plan, arm), stage_of("score", arm)) for arm in arms]
