"""A plan read as a sweep: what each training pays for its divergence, and what that buys."""

from dataclasses import replace
from itertools import product

import pandas as pd

from flowshot.core.plan import RECONSTRUCTION
from flowshot.report.layout import Column, Row, Table, decimals, seeds_cell
from flowshot.report.registry import metric
from flowshot.report.results import Report
from flowshot.report.tables import budget, seeds_spread
from flowshot.scoring.metrics.score import NO_EMBEDDING

KEYS = ["autoencoder", "seed"]
# Of each training, from the row of its reconstructions; the first one is the rate.
RATE, DISTORTION = "kl", "mrstft"
LATENT = (RATE, "mutual_information", "marginal_kl", "active_units", DISTORTION)


def sweep_runs(report: Report, dataset: str) -> pd.DataFrame:
    """One row a training of an autoencoder on `dataset`, `KEYS` first, then `LATENT`, then FAD.

    FAD has a column for each prior, `reconstruction` among them, and embedding, see `fad_column`. Trainings without a
    divergence are left out; columns that no training has too.
    """
    plan, frame = report.plan, report.of(dataset)
    latent = frame[(frame["prior"] == RECONSTRUCTION) & (frame["embedding"] == NO_EMBEDDING)]
    fad = frame[frame["metric"] == "fad"]
    fad = fad.assign(metric=[fad_column(*by) for by in zip(fad["prior"], fad["embedding"], strict=True)])
    runs = pd.concat([latent, fad]).pivot_table("value", KEYS, "metric")
    runs = runs.reindex(pd.MultiIndex.from_tuples(product(plan.autoencoders, plan.seeds), names=KEYS))
    runs = runs.reindex(columns=[*LATENT, *fad_columns(report, dataset)])
    return runs[runs[RATE].notna()].dropna(axis="columns", how="all").reset_index()


def fad_column(prior: str, embedding: str) -> str:
    """What `sweep_runs` calls the FAD of clips from `prior`; a name has no spaces."""
    return f"fad {prior} {embedding}"


def fad_columns(report: Report, dataset: str) -> dict[str, tuple[str, str]]:
    """The prior and the embedding of every FAD that a training may have."""
    priors = (RECONSTRUCTION, *report.plan.priors)
    return {fad_column(*by): by for by in ((of, one) for one in report.embeddings(dataset, "fad") for of in priors)}


def sweep_table(report: Report, dataset: str) -> Table | None:
    """A row for each autoencoder of the plan, mean over its trainings; None where there is nothing to compare."""
    plan, words, runs = report.plan, report.words, sweep_runs(report, dataset)
    if runs["autoencoder"].nunique() < 2:
        return None
    fad = metric("fad")
    known = {name: (metric(name), NO_EMBEDDING) for name in LATENT} | {
        key: (replace(fad, title=f"{fad.title} {prior}"), embedding)
        for key, (prior, embedding) in fad_columns(report, dataset).items()
    }
    columns = {key: Column(*known[key], decimals(runs[key].dropna(), report.digits)) for key in runs.columns[2:]}
    rows = tuple(
        Row(str(name), "", tuple(seeds_cell(mine[key]) for key in columns))
        for name, mine in runs.groupby("autoencoder", sort=False)
    )
    subject = "Rate and distortion, dataset {dataset}: KL of validation clips, MR-STFT of reconstructed test clips."
    caption = (words(subject, dataset=dataset), budget(plan, words), seeds_spread(plan, words))
    return Table("sweep", dataset, caption, tuple(columns.values()), (rows,), words, shows_prior=False)
