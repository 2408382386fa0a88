"""Scores of a plan with every metric that a report shows, made up but reproducible, and the tables of scores."""

import json
from pathlib import Path

import numpy as np

from defaults import default
from flowshot.core.plan import EXTERNAL, REAL, RECONSTRUCTION, PlanConfig
from flowshot.report.build import report_tables
from flowshot.report.config import ReportConfig
from flowshot.report.latex import latex_table
from flowshot.report.markup import csv_table, markdown_table
from flowshot.report.paired import COMPARED, ROBUST
from flowshot.report.project import Project
from flowshot.report.registry import METRICS
from flowshot.report.results import planned_arms, read_report

LATENT = ("reconstruction", "autoencoder", "disentanglement")  # tables of what only a reconstruction has
UNHEARD = ("prior_nats", "prior_bits", "clips_per_second")


def write_scores_of(
    folder: Path, plan: PlanConfig, external: str = "", seed: int = 0, heavy_tails: bool = False
) -> None:
    """Write `scores/` for every arm of a plan, and for an external system if one is named.

    With `heavy_tails`, KID of the last autoencoder cannot be compared, and KAD can.
    """
    draws = np.random.default_rng(seed)
    arms = list(planned_arms(plan))
    arms += [(dataset, EXTERNAL, external, 0) for dataset in plan.datasets if external]
    for dataset, autoencoder, prior, number in arms:
        path = folder / dataset / autoencoder / prior / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        scores = []
        for metric in METRICS.values():
            about_model = metric.table in LATENT
            if about_model != (prior == RECONSTRUCTION) and about_model:
                continue
            if metric.name in UNHEARD and autoencoder in (REAL, EXTERNAL):
                continue
            embeddings = ("none",) if about_model or metric.name in UNHEARD else ("yamnet", "logmel")
            for embedding in embeddings:
                value = float(draws.normal(3, 2)) / (metric.scale or 1)
                entry = {"metric": metric.name, "embedding": embedding, "value": value, "n": 120}
                interval = {"ci_low": value - 0.5 / metric.scale, "ci_high": value + 0.5 / metric.scale}
                sized = {"dimensions": 1024} if embedding == "yamnet" else {}
                reference = {name: moved / metric.scale for name, moved in (("a", 0.1), ("b", -0.1))}
                influence = {"candidate_variance": (0.1 / metric.scale) ** 2, "reference": reference}
                heavy = heavy_tails and (metric.name, autoencoder) == ("kid", plan.autoencoders[-1])
                tested = metric.name in (*COMPARED, *[ROBUST] * heavy_tails) and not heavy
                details = {"influence": influence} if tested else {}
                scores.append({**entry, **interval, **sized, **details})
        path.write_text(json.dumps(scores), encoding="utf-8")


def write_tables(root: Path, plan: PlanConfig, out: Path) -> Path:
    """The tables of the report alone, in `out`: without figures and pages, which take seconds."""
    report = read_report(plan, Project(root), default(ReportConfig, "report"), 0.95)
    for dataset in sorted(set(report.frame["dataset"])):
        (out / dataset).mkdir(parents=True)
        for table in report_tables(report, dataset):
            stem = out / dataset / f"table-{table.name}"
            stem.with_suffix(".md").write_text(markdown_table(table), encoding="utf-8")
            stem.with_suffix(".tex").write_text(latex_table(table, plan.name), encoding="utf-8")
            stem.with_suffix(".csv").write_text(csv_table(table), encoding="utf-8")
    return out
