"""Write `reports/<plan>/`: results, tables, a figure for each dataset, and a page that shows them."""

import json
from pathlib import Path

import pandas as pd

from flowshot.config.evaluation import ReportConfig
from flowshot.config.plan import PlanConfig
from flowshot.files import whole_folder
from flowshot.params import Params
from flowshot.provenance import git_revision
from flowshot.report.layout import Table
from flowshot.report.markup import escape_markdown, latex_table, markdown_table
from flowshot.report.paired import paired_tables
from flowshot.report.plots import draw_distances
from flowshot.report.rate_distortion import draw_rate_distortion
from flowshot.report.results import external_arms, read_results, write_results
from flowshot.report.sweep import sweep_table
from flowshot.report.tables import dataset_tables

TITLES = {
    "quality": "Quality",
    "distances": "Distances without bias",
    "coverage": "Fidelity and coverage",
    "diversity": "Diversity and memorisation",
    "paired-fad": "FAD against no_nf",
    "paired-kid": "KID against no_nf",
    "reconstruction": "Reconstruction",
    "autoencoder": "Autoencoders",
    "sweep": "Rate and distortion",
}
FORMATS = (("Markdown", "md"), ("LaTeX", "tex"))
# Behind which table a figure stands, its file, and what it shows.
FIGURES = {
    "quality": ("fad.png", "Frechet audio distance of every arm"),
    "sweep": ("rate-distortion.png", "Reconstruction and Frechet audio distance against KL of every training"),
}


def write_plan_report(params: Params) -> Path:
    """Write `reports/PLAN/` whole, from `scores/` and `models/` of the current folder; returns the folder.

    Raises:
        FlowshotError: as `build_report`; the earlier report then stays as it was.
    """
    out = Path("reports") / params.plan.name
    with whole_folder(out) as folder:
        build_report(
            params.plan,
            params.report,
            Path("scores"),
            Path("models"),
            folder,
            confidence=params.score.confidence,
            revision=git_revision(Path.cwd()),
        )
    return out


def build_report(
    plan: PlanConfig,
    config: ReportConfig,
    scores_folder: Path,
    models_folder: Path,
    out_folder: Path,
    confidence: float,
    revision: str,
) -> None:
    """Write the report of a plan into an empty folder; equal inputs give equal bytes.

    Args:
        plan: which arms there are, and their budget.
        config: how numbers are written.
        scores_folder: `scores/`.
        models_folder: `models/`, whose `diagnostics.json` may say on which `machine` a model was trained.
        out_folder: where `results.csv`, `README.md` and a folder for each dataset go.
        confidence: level of the intervals in the scores, as in `score.confidence`.
        revision: of the code, as `flowshot.provenance.git_revision` gives it.

    Raises:
        FlowshotError: the scores of an arm are missing or incomplete; names the stage that makes them.
    """
    results = read_results(plan, scores_folder)
    write_results(results.frame, out_folder / "results.csv")
    sections = []
    # Other references than the plan's are those of external systems, `flowshot score --as`.
    for dataset in dict.fromkeys((*plan.datasets, *(arm[0] for arm in external_arms(scores_folder)))):
        folder = out_folder / dataset
        folder.mkdir()
        tables = dataset_tables(results, plan, dataset, config.digits, confidence)
        tables += paired_tables(results, plan, dataset, config.digits, confidence) if dataset in plan.datasets else []
        sweep = sweep_table(results.frame, plan, dataset, config.digits) if dataset in plan.datasets else None
        tables += [sweep] if sweep else []
        tables.sort(key=lambda table: list(TITLES).index(table.name))
        for table in tables:
            (folder / f"table-{table.name}.md").write_text(markdown_table(table), encoding="utf-8")
            (folder / f"table-{table.name}.tex").write_text(latex_table(table), encoding="utf-8")
        if dataset in plan.datasets:
            draw_distances(folder / FIGURES["quality"][0], results.frame, plan, dataset)
        if sweep:
            draw_rate_distortion(folder / FIGURES["sweep"][0], results.frame, plan, dataset)
        figures = {name for name, (file, _) in FIGURES.items() if (folder / file).is_file()}
        sections.append(_dataset_section(dataset, tables, figures))
    page = "\n".join([_head(plan, results.frame, models_folder, revision), *sections])
    (out_folder / "README.md").write_text(page, encoding="utf-8")


def _head(plan: PlanConfig, results: pd.DataFrame, models_folder: Path, revision: str) -> str:
    def names(values: tuple[object, ...]) -> str:
        return ", ".join(escape_markdown(str(value)) for value in values)

    facts = [
        ("plan", escape_markdown(plan.name)),
        ("datasets", names(plan.datasets)),
        ("autoencoders", names(plan.autoencoders)),
        ("priors", names(plan.priors)),
        ("seeds", names(plan.seeds)),
        ("budget of each autoencoder", f"{plan.budget.steps} steps of {plan.budget.batch_size} clips"),
        ("trained on", names(tuple(_machines(plan, models_folder)))),
        ("code", f"`{revision}`"),
    ]
    return "\n".join(
        [
            f"# Results of the plan {escape_markdown(plan.name)}",
            "",
            f"Every number below is in [results.csv](results.csv), {len(results)} rows. The tables are there as",
            "Markdown and as LaTeX. Written by the `report` stage: change the plan, not this page.",
            "",
            "| | |",
            "|:--|:--|",
            *(f"| {name} | {value} |" for name, value in facts),
            "",
        ]
    )


def _machines(plan: PlanConfig, models_folder: Path) -> list[str]:
    """The machines that trained the plan's models, as far as their diagnostics say."""
    found = set()
    for dataset in plan.datasets:
        for autoencoder in plan.autoencoders:
            for seed in plan.seeds:
                file = models_folder / dataset / autoencoder / str(seed) / "diagnostics.json"
                said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
                found.add(str(said.get("machine", "not recorded")))
    return sorted(found)


def _dataset_section(dataset: str, tables: list[Table], figures: set[str]) -> str:
    # Angle brackets, because the name of a folder may hold spaces.
    lines = [f"## {escape_markdown(dataset)}", ""]
    for table in tables:
        files = ", ".join(f"[{kind}](<{dataset}/table-{table.name}.{end}>)" for kind, end in FORMATS)
        lines += [f"### {TITLES[table.name]}", "", markdown_table(table), f"{files}", ""]
        if table.name in figures:
            file, shows = FIGURES[table.name]
            lines += [f"![{shows} of {escape_markdown(dataset)}](<{dataset}/{file}>)", ""]
    return "\n".join(lines)
