"""A plan read as a sweep: what each training pays for its divergence, and what that buys."""

import math
from dataclasses import replace

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.captions import budget
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.registry import EMBEDDINGS, Metric, metric
from flowshot.report.results import RECONSTRUCTION

KEYS = ["autoencoder", "seed"]
# Of each training, from the row of its reconstructions; the first one is the rate.
RATE, DISTORTION = "kl", "mrstft"
LATENT = (RATE, "mutual_information", "marginal_kl", "active_units", DISTORTION)


def sweep_runs(frame: pd.DataFrame, plan: PlanConfig, dataset: str) -> pd.DataFrame:
    """One row a training of the plan on `dataset`, `KEYS` first, then `LATENT`, then FAD.

    FAD has a column for each prior, `reconstruction` among them, and embedding, see `fad_column`. Trainings without a
    divergence are left out; columns that no training has too.
    """
    mine = frame[(frame["dataset"] == dataset) & frame["autoencoder"].isin(plan.autoencoders)]
    latent = mine[(mine["prior"] == RECONSTRUCTION) & mine["metric"].isin(LATENT) & (mine["embedding"] == "none")]
    found = latent.pivot_table(index=KEYS, columns="metric", values="value")
    fad = mine[(mine["metric"] == "fad") & mine["prior"].isin([*plan.priors, RECONSTRUCTION])]
    for (prior, embedding), rows in fad.groupby(["prior", "embedding"], sort=False):
        found[fad_column(str(prior), str(embedding))] = rows.set_index(KEYS)["value"]
    if RATE not in found:
        return pd.DataFrame(columns=[*KEYS, RATE])
    order = {name: place for place, name in enumerate(plan.autoencoders)}
    runs = found[found[RATE].notna()].reset_index()
    return runs.sort_values(KEYS, key=lambda column: column.map(lambda value: order.get(value, value)))


def fad_column(prior: str, embedding: str) -> str:
    """What `sweep_runs` calls the FAD of clips from `prior`; a name has no spaces."""
    return f"fad {prior} {embedding}"


def sweep_table(frame: pd.DataFrame, plan: PlanConfig, dataset: str, digits: int, words: Words) -> Table | None:
    """A row for each autoencoder of the plan, mean over its trainings; None where there is nothing to compare."""
    runs = sweep_runs(frame, plan, dataset)
    if runs["autoencoder"].nunique() < 2:
        return None
    columns = _columns(runs, plan, digits)
    names = [name for name in plan.autoencoders if name in set(runs["autoencoder"])]
    rows = [Row(name, "", tuple(_cell(runs[runs["autoencoder"] == name][key]) for key in columns)) for name in names]
    subject = "Rate and distortion, dataset {dataset}: KL of validation clips, MR-STFT of reconstructed test clips."
    spread = "Mean ± standard deviation over {seeds} seeds." if len(plan.seeds) > 1 else "One seed."
    caption = (words(subject, dataset=dataset), budget(plan, words), words(spread, seeds=len(plan.seeds)))
    return Table("sweep", dataset, caption, tuple(columns.values()), (tuple(rows),), shows_prior=False, words=words)


def _columns(runs: pd.DataFrame, plan: PlanConfig, digits: int) -> dict[str, Column]:
    """What the table shows, by the column of `runs`."""
    shown: list[tuple[str, Metric, str]] = [(name, metric(name), "none") for name in LATENT]
    for embedding in EMBEDDINGS:
        for prior in (RECONSTRUCTION, *plan.priors):
            title = replace(metric("fad"), title=f"FAD {prior}")
            shown.append((fad_column(prior, embedding), title, embedding))
    return {
        key: Column(entry, embedding, _decimals(float(runs[key].abs().max()), digits))
        for key, entry, embedding in shown
        if key in runs.columns
    }


def _decimals(largest: float, digits: int) -> int:
    """As many as the largest value of a column needs to show `digits` digits."""
    return max(digits - 1 - math.floor(math.log10(largest)), 0) if largest > 0 else digits - 1


def _cell(values: pd.Series) -> Cell | None:
    values = values.dropna()
    if values.empty:
        return None
    return Cell(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None, None)
