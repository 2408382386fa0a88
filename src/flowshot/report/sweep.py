"""A plan read as a sweep: what each training pays for its divergence, and what that buys."""

from dataclasses import replace

import pandas as pd

from flowshot.core.plan import RECONSTRUCTION
from flowshot.report.layout import Column, Row, Table, decimals, seeds_cell
from flowshot.report.registry import embedding_title, metric
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
    plan = report.plan
    measured = {name: (RECONSTRUCTION, name, NO_EMBEDDING) for name in LATENT} | {
        fad_column(prior, embedding): (prior, "fad", embedding)
        for embedding in report.embeddings(dataset, "fad")
        for prior in (RECONSTRUCTION, *plan.priors)
    }
    found = {
        key: {model: seeds for (model, of), seeds in report.values(dataset, *what).items() if of == prior}
        for key, (prior, *what) in measured.items()
    }
    rows = [
        {"autoencoder": name, "seed": seed}
        | {key: models[name][seed] for key, models in found.items() if seed in models.get(name, {})}
        for name in plan.autoencoders
        for seed in plan.seeds
    ]
    runs = pd.DataFrame(rows).reindex(columns=[*KEYS, *found])
    return runs[runs[RATE].notna()].dropna(axis="columns", how="all").reset_index(drop=True)


def fad_column(prior: str, embedding: str) -> str:
    """What `sweep_runs` calls the FAD of clips from `prior`; a name has no spaces."""
    return f"fad {prior} {embedding}"


def rate_distortion(report: Report, dataset: str) -> tuple[pd.DataFrame, str, str, str] | None:
    """What the figure shows: `sweep_runs`, its columns of the FAD of the first prior and of reconstructions, its title.

    Embedding: the first that was used. None with fewer than two trainings.
    """
    runs, embedding = sweep_runs(report, dataset), next(iter(report.embeddings(dataset, "fad")), "")
    if len(runs) < 2:
        return None
    title = report.words("FAD ({embedding})", embedding=embedding_title(embedding))
    return runs, fad_column(report.plan.priors[0], embedding), fad_column(RECONSTRUCTION, embedding), title


def sweep_table(report: Report, dataset: str) -> Table | None:
    """A row for each autoencoder of the plan, mean over its trainings; None where there is nothing to compare."""
    plan, words, runs = report.plan, report.words, sweep_runs(report, dataset)
    if len(set(runs["autoencoder"]) if len(runs) else ()) < 2:
        return None
    fad = metric("fad")
    known = {name: (metric(name), NO_EMBEDDING) for name in LATENT} | {
        fad_column(prior, embedding): (replace(fad, title=f"{fad.title} {prior}"), embedding)
        for embedding in report.embeddings(dataset, "fad")
        for prior in (RECONSTRUCTION, *plan.priors)
    }
    columns = {
        key: Column(entry, embedding, decimals(runs[key].dropna(), report.digits))
        for key, (entry, embedding) in known.items()
        if key in runs
    }
    rows = tuple(
        Row(str(name), "", tuple(seeds_cell(mine[key].dropna()) for key in columns))
        for name, mine in runs.groupby("autoencoder", sort=False)
    )
    subject = "Rate and distortion, dataset {dataset}: KL of validation clips, MR-STFT of reconstructed test clips."
    caption = (words(subject, dataset=dataset), budget(plan, words), seeds_spread(plan, words))
    return Table("sweep", dataset, caption, tuple(columns.values()), (rows,), words, shows_prior=False)
