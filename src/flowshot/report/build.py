"""Write `reports/<plan>/`: results, tables and figures of each dataset, and a page in Markdown that shows them."""

import json
from pathlib import Path

import pandas as pd

from flowshot.core.files import whole_folder
from flowshot.core.params import Params
from flowshot.core.plan import PlanConfig
from flowshot.core.provenance import git_revision
from flowshot.report.dvc_files import write_curves, write_metrics
from flowshot.report.factorial import factorial_table
from flowshot.report.interaction import draw_interaction
from flowshot.report.language import Words
from flowshot.report.latex import latex_table
from flowshot.report.layout import Table
from flowshot.report.markup import csv_table, escape_markdown, markdown_table
from flowshot.report.page.build import write_page
from flowshot.report.page.sources import Sources
from flowshot.report.paired import BASELINE, paired_tables
from flowshot.report.plots import draw_distances
from flowshot.report.rate_distortion import draw_rate_distortion
from flowshot.report.results import Results, external_arms, read_results, write_results
from flowshot.report.sweep import sweep_table
from flowshot.report.tables import dataset_tables
from flowshot.scoring.config import ReportConfig

TITLES = {
    "quality": "Quality",
    "distances": "Distances without bias",
    "coverage": "Fidelity and coverage",
    "diversity": "Diversity and memorisation",
    "paired-fad": "{metric} against {baseline}",
    "paired-kid": "{metric} against {baseline}",
    "reconstruction": "Reconstruction",
    "autoencoder": "Autoencoders",
    "factorial": "Factorial",
    "sweep": "Rate and distortion",
}
FORMATS = (("Markdown", "md"), ("LaTeX", "tex"), ("CSV", "csv"))
# Behind which table a figure stands, its file without an ending, and what it shows.
FIGURES = {
    "quality": ("fad", "Fréchet audio distance of every arm of {dataset}"),
    "factorial": (
        "interaction",
        "FAD and KID of every prior on every autoencoder of {dataset}; dashed: reconstructions",
    ),
    "sweep": ("rate-distortion", "Reconstruction and Fréchet audio distance against KL of every training of {dataset}"),
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
        revision: of the code, as `flowshot.core.provenance.git_revision` gives it.

    Raises:
        FlowshotError: the scores of an arm are missing or incomplete; names the stage that makes them.
    """
    words = Words(config.language)
    results = read_results(plan, scores_folder)
    write_results(results.frame, out_folder / "results.csv")
    write_metrics(results.frame, out_folder / "metrics")
    write_curves(plan, models_folder, out_folder / "curves.csv")
    sections, shown = [], {}
    # Other references than the plan's are those of external systems, `flowshot score --as`.
    for dataset in dict.fromkeys((*plan.datasets, *(arm[0] for arm in external_arms(scores_folder)))):
        folder = out_folder / dataset
        folder.mkdir()
        tables = shown[dataset] = plan_tables(results, plan, dataset, config, confidence)
        for table in tables:
            _write_table(table, plan.name, folder)
        if dataset in plan.datasets:
            draw_distances(folder / FIGURES["quality"][0], results.frame, plan, dataset, words)
        if any(table.name == "factorial" for table in tables):
            draw_interaction(folder / FIGURES["factorial"][0], results.frame, plan, dataset, words)
        if any(table.name == "sweep" for table in tables):
            draw_rate_distortion(folder / FIGURES["sweep"][0], results.frame, plan, dataset, words)
        figures = {name for name, (stem, _) in FIGURES.items() if (folder / f"{stem}.png").is_file()}
        sections.append(_dataset_section(dataset, tables, figures, words))
    page = "\n".join([_head(plan, results.frame, models_folder, revision, words), *sections])
    (out_folder / "README.md").write_text(page, encoding="utf-8")
    titles = {name: table_title(name, words) for name in TITLES}
    # What the other stages wrote lies beside the scores.
    sources = Sources(scores_folder.parent)
    write_page(out_folder, sources, plan, results, shown, titles, confidence, revision, words)


def plan_tables(
    results: Results, plan: PlanConfig, dataset: str, config: ReportConfig, confidence: float
) -> list[Table]:
    """All tables of one dataset that have anything to show, in the order of `TITLES`."""
    words = Words(config.language)
    tables = dataset_tables(results, plan, dataset, config.digits, confidence, words)
    if dataset in plan.datasets:
        tables += paired_tables(results, plan, dataset, config.digits, confidence, words)
        sweep = sweep_table(results.frame, plan, dataset, config.digits, words)
        factorial = factorial_table(results.frame, plan, dataset, config.digits, words)
        tables += [table for table in (factorial, sweep) if table]
    return sorted(tables, key=lambda table: list(TITLES).index(table.name))


def table_title(name: str, words: Words) -> str:
    """The heading of a table."""
    return words(TITLES[name], metric=name.removeprefix("paired-").upper(), baseline=BASELINE)


def _write_table(table: Table, plan: str, folder: Path) -> None:
    written = {"md": markdown_table(table), "tex": latex_table(table, plan), "csv": csv_table(table)}
    for _, ending in FORMATS:
        (folder / f"table-{table.name}.{ending}").write_text(written[ending], encoding="utf-8")


def _head(plan: PlanConfig, results: pd.DataFrame, models_folder: Path, revision: str, words: Words) -> str:
    def names(values: tuple[object, ...]) -> str:
        return ", ".join(escape_markdown(str(value)) for value in values)

    steps = words("{steps} steps of {clips} clips", steps=plan.budget.steps, clips=plan.budget.batch_size)
    facts = [
        ("plan", escape_markdown(plan.name)),
        ("datasets", names(plan.datasets)),
        ("autoencoders", names(plan.autoencoders)),
        ("priors", names(plan.priors)),
        ("seeds", names(plan.seeds)),
        ("budget of each autoencoder", steps),
        ("trained on", names(tuple(_machines(plan, models_folder)))),
        ("code", f"`{revision}`"),
    ]
    said = (
        "Every number below is in [results.csv](results.csv), {rows} rows. The tables are there as Markdown, LaTeX and "
        "CSV, the figures as PNG and PDF. Written by the `report` stage: change the plan, not this page."
    )
    return "\n".join(
        [
            f"# {words('Results of the plan {plan}', plan=escape_markdown(plan.name))}",
            "",
            words(said, rows=len(results)),
            "",
            "| | |",
            "|:--|:--|",
            *(f"| {words(name)} | {value} |" for name, value in facts),
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


def _dataset_section(dataset: str, tables: list[Table], figures: set[str], words: Words) -> str:
    # Angle brackets, because the name of a folder may hold spaces.
    lines = [f"## {escape_markdown(dataset)}", ""]
    for table in tables:
        files = ", ".join(f"[{kind}](<{dataset}/table-{table.name}.{end}>)" for kind, end in FORMATS)
        title = escape_markdown(table_title(table.name, words))
        lines += [f"### {title}", "", markdown_table(table), f"{files}", ""]
        if table.name in figures:
            stem, shows = FIGURES[table.name]
            text = words(shows, dataset=escape_markdown(dataset))
            lines += [f"![{text}](<{dataset}/{stem}.png>)", "", f"[PDF](<{dataset}/{stem}.pdf>)", ""]
    return "\n".join(lines)
