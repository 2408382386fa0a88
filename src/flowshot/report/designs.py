"""A plan read as a factorial, autoencoders down and priors across; and as a sweep, what a nat of divergence buys."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import pandas as pd

from flowshot.core.plan import RECONSTRUCTION
from flowshot.report.layout import Column, Row, Table, best_marked, decimals, seeds_cell
from flowshot.report.paired import COMPARED
from flowshot.report.registry import metric
from flowshot.report.results import Frame, Report
from flowshot.report.tables import budget, seeds_spread
from flowshot.scoring.metrics.score import NO_EMBEDDING

SHOWN = ("kid", "fad", "prior_nats", "clips_per_second")  # each has a column for every prior
KEYS = ["autoencoder", "seed"]
# Of each training, from the row of its reconstructions; the first one is the rate.
RATE, DISTORTION = "kl", "mrstft"
LATENT = (RATE, "mutual_information", "marginal_kl", "active_units", DISTORTION)


def factorial_table(report: Report, dataset: str) -> Table | None:
    """A row for each autoencoder, its best prior in each metric bold; None where there is no factorial.

    Embedding: the first that was used. The nats of a row compare, those of a column do not.
    """
    plan, words = report.plan, report.words
    crossed = len(plan.autoencoders) > 1 and len(plan.priors) > 1
    columns: list[Column] = []
    rows = {name: Row(name, "", ()) for name in plan.autoencoders}
    for name in SHOWN if crossed else ():
        embedding = next(iter(report.embeddings(dataset, name)), NO_EMBEDDING)
        seeds = report.seeds(dataset, name, embedding).reindex([(model, of) for model in rows for of in plan.priors])
        if seeds.isna().all(axis=None):
            continue
        entry = metric(name)
        places = decimals(seeds.stack(), report.digits, entry.scale)
        added = [Column(replace(entry, title=f"{entry.title} {prior}"), embedding, places) for prior in plan.priors]
        for model, row in rows.items():
            cells = best_marked([seeds_cell(seeds.loc[(model, prior)]) for prior in plan.priors], added[0])
            rows[model] = replace(row, cells=(*row.cells, *cells))
        columns += added
    if not columns:
        return None
    subject = "Factorial, dataset {dataset}: every prior on every autoencoder, the best of each row in bold."
    return _table(report, dataset, "factorial", words(subject, dataset=dataset), columns, rows.values())


def sweep_runs(report: Report, dataset: str) -> Frame:
    """One row a training of an autoencoder on `dataset`, `KEYS` first, then `LATENT`, then KID and FAD.

    These have a column for each prior, `reconstruction` among them, see `distance_column`, under the first embedding
    that was used. Trainings without a divergence are left out; columns that no training has too.
    """
    plan, frame = report.plan, report.of(dataset)
    latent = frame[(frame["prior"] == RECONSTRUCTION) & (frame["embedding"] == NO_EMBEDDING)]
    known = distance_columns(report, dataset)
    names = [distance_column(*by) for by in zip(frame["metric"], frame["prior"], frame["embedding"], strict=True)]
    runs = pd.concat([latent, frame.assign(metric=names)]).pivot_table("value", KEYS, "metric")
    runs = runs.reindex(pd.MultiIndex.from_tuples(product(plan.autoencoders, plan.seeds), names=KEYS))
    runs = runs.reindex(columns=[*LATENT, *known])
    return runs[runs[RATE].notna()].dropna(axis="columns", how="all").reset_index()


def distance_column(name: str, prior: str, embedding: str) -> str:
    """What `sweep_runs` calls KID or FAD of clips from `prior`; a name has no spaces."""
    return f"{name} {prior} {embedding}"


def distance_columns(report: Report, dataset: str) -> dict[str, tuple[str, str, str]]:
    """The metric, prior and embedding of every distance that a training may have."""
    priors = (RECONSTRUCTION, *report.plan.priors)
    found = ((name, of, one) for name in COMPARED for one in report.embeddings(dataset, name)[:1] for of in priors)
    return {distance_column(*by): by for by in found}


def sweep_table(report: Report, dataset: str) -> Table | None:
    """A row for each autoencoder of the plan, mean over its trainings; None where there is nothing to compare."""
    words, runs = report.words, sweep_runs(report, dataset)
    if runs["autoencoder"].nunique() < 2:
        return None
    known = {name: (metric(name), NO_EMBEDDING) for name in LATENT} | {
        key: (replace(metric(name), title=f"{metric(name).title} {prior}"), embedding)
        for key, (name, prior, embedding) in distance_columns(report, dataset).items()
    }
    columns = {
        key: Column(*known[key], decimals(runs[key].dropna(), report.digits, known[key][0].scale))
        for key in runs.columns[2:]
    }
    rows = tuple(
        Row(str(name), "", tuple(seeds_cell(mine[key]) for key in columns))
        for name, mine in runs.groupby("autoencoder", sort=False)
    )
    subject = "Rate and distortion, dataset {dataset}: KL of validation clips, MR-STFT of reconstructed test clips."
    return _table(report, dataset, "sweep", words(subject, dataset=dataset), columns.values(), rows)


def _table(
    report: Report, dataset: str, name: str, subject: str, columns: Iterable[Column], rows: Iterable[Row]
) -> Table:
    caption = (subject, budget(report.plan, report.words), seeds_spread(report.plan, report.words))
    return Table(name, dataset, caption, tuple(columns), (tuple(rows),), report.words, shows_prior=False)
